/* Words of keys and word lists, those of models/make_tasks.py: the embedded model saw keys
 * made of them. */
#include "task/words.h"

const char *const am_adjectives[] = {
	"able", "amber", "ancient", "angry", "autumn", "bitter", "blazing", "bold", "brave", "bright", "brisk",
	"broad", "broken", "calm", "careful", "cheerful", "clever", "cloudy", "cold", "common", "copper", "crimson",
	"crooked", "curious", "daring", "dark", "deep", "distant", "dusty", "eager", "early", "eastern", "empty",
	"faded", "faint", "faithful", "famous", "fearless", "fierce", "first", "flat", "fragile", "frozen",
	"gentle", "giant", "gloomy", "golden", "grand", "grateful", "gray", "green", "hasty", "heavy", "hidden",
	"hollow", "honest", "humble", "hungry", "icy", "idle", "ivory", "jolly", "keen", "kind", "lazy", "little",
	"lively", "lonely", "lost", "loud", "lucky", "marble", "merry", "mighty", "modest", "narrow", "noble",
	"northern", "odd", "painted", "pale", "patient", "plain", "polite", "proud", "purple", "quaint", "quick",
	"quiet", "rapid", "rare", "red", "restless", "rough", "royal", "rusty", "sacred", "scarlet", "secret",
	"serious", "shady", "sharp", "shy", "silent", "silver", "simple", "sleepy", "slender", "sly", "smooth",
	"solemn", "southern", "steady", "stern", "stormy", "strange", "strong", "sudden", "sunny", "swift", "tall",
	"tender", "timid", "tiny", "velvet", "violet", "warm", "wandering", "weary", "western", "white", "wild",
	"wise", "wooden", "yellow", "young",
};
const int am_n_adjectives = (int)(sizeof am_adjectives / sizeof am_adjectives[0]);

const char *const am_nouns[] = {
	"acorn", "anchor", "angel", "apple", "apron", "arrow", "baker", "banner", "barrel", "basket", "beacon",
	"bell", "bird", "blanket", "boat", "bonnet", "bottle", "branch", "bridge", "brook", "bucket", "butter",
	"button", "cabin", "candle", "captain", "carpet", "carriage", "castle", "cedar", "chain", "chapel",
	"cherry", "chimney", "circle", "cliff", "clock", "cloud", "coach", "collar", "compass", "copper", "corner",
	"cottage", "cousin", "cradle", "crown", "curtain", "dagger", "daisy", "desert", "diamond", "doctor",
	"donkey", "dragon", "drawer", "drum", "eagle", "ember", "falcon", "farmer", "feather", "fiddle", "finger",
	"fisher", "flame", "flower", "forest", "fountain", "fox", "garden", "gate", "ghost", "glove", "goose",
	"grove", "hammer", "harbor", "harp", "hatchet", "hawk", "helmet", "heron", "hill", "horn", "horse",
	"hunter", "island", "jacket", "jewel", "kettle", "king", "kitten", "knight", "ladder", "lake", "lantern",
	"leaf", "lemon", "letter", "lily", "lion", "lock", "lumber", "maple", "market", "meadow", "mill", "mirror",
	"monk", "moon", "mountain", "needle", "nest", "oak", "ocean", "olive", "orchard", "otter", "owl", "palace",
	"parlor", "parrot", "path", "pebble", "pepper", "piano", "pigeon", "pillow", "pilot", "pine", "pocket",
	"pony", "prince", "quill", "rabbit", "raven", "ribbon", "ring", "river", "robin", "rock", "rope", "rose",
	"saddle", "sailor", "scholar", "shadow", "shepherd", "ship", "shoe", "shovel", "soldier", "sparrow",
	"spoon", "spring", "stable", "star", "stone", "stork", "stream", "summer", "swan", "sword", "table",
	"temple", "thistle", "thunder", "tiger", "tower", "trumpet", "tulip", "tunnel", "turtle", "valley",
	"violin", "wagon", "walnut", "water", "wheat", "wheel", "whistle", "willow", "window", "winter", "wolf",
	"wren",
};
const int am_n_nouns = (int)(sizeof am_nouns / sizeof am_nouns[0]);
