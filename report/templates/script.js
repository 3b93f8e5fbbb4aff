"use strict";
(function () {
	// Text sorts as text, numbers as numbers; what is no number ("all", a dash) stays last.
	function key(row, column) {
		var text = row.cells[column].textContent, number = Number(text.replace("%", ""));
		return { text: text, number: text.trim() === "" ? NaN : number };
	}

	function compare(a, b, words) {
		if (words)
			return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
		return a.number - b.number;
	}

	function sort(table, head, column) {
		var up = head.getAttribute("aria-sort") !== "ascending", body = table.tBodies[0];
		var rows = Array.from(body.rows).map(function (row, i) { return { row: row, key: key(row, column), i: i }; });
		var words = rows.every(function (r) { return isNaN(r.key.number); });
		rows.sort(function (a, b) {
			var na = !words && isNaN(a.key.number), nb = !words && isNaN(b.key.number);
			if (na || nb)
				return na - nb || a.i - b.i;
			return (up ? 1 : -1) * compare(a.key, b.key, words) || a.i - b.i;
		});
		rows.forEach(function (r) { body.appendChild(r.row); });
		table.querySelectorAll("th[aria-sort]").forEach(function (th) { th.removeAttribute("aria-sort"); });
		head.setAttribute("aria-sort", up ? "ascending" : "descending");
	}

	document.querySelectorAll("table.sortable").forEach(function (table) {
		Array.from(table.tHead.rows[0].cells).forEach(function (head, column) {
			var button = document.createElement("button");
			button.type = "button";
			button.textContent = head.textContent;
			button.addEventListener("click", function () { sort(table, head, column); });
			head.textContent = "";
			head.appendChild(button);
		});
	});
	// On a small screen a picture can be had larger than the screen, in its box.
	document.querySelectorAll("figure").forEach(function (figure) {
		var button = document.createElement("button");
		button.type = "button";
		button.textContent = "Enlarge";
		button.setAttribute("aria-pressed", "false");
		button.addEventListener("click", function () {
			button.setAttribute("aria-pressed", String(figure.classList.toggle("large")));
		});
		figure.lastElementChild.appendChild(button);
	});
})();
