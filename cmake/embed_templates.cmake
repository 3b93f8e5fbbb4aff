# cmake -DOUT=file.c -DDIR=folder -P: writes am_plot_template() with the text of
# every DIR/*.gp.in in it, so that the installed program needs no files for them.
file(GLOB files ${DIR}/*.gp.in)
list(SORT files)
set(c "#include \"analysis/plot_picture.h\"\n\n#include <string.h>\n\n")
string(APPEND c "static const struct {\n\tconst char *name, *text;\n} templates[] = {\n")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n\t \"" text "${text}")
  string(APPEND c "\t{\"${name}\",\n\t \"${text}\"},\n")
endforeach()
string(APPEND c "};\n\nconst char *am_plot_template(const char *name)\n{\n"
  "\tfor (size_t i = 0; i < sizeof templates / sizeof *templates; i++)\n"
  "\t\tif (strcmp(templates[i].name, name) == 0)\n\t\t\treturn templates[i].text;\n"
  "\treturn NULL;\n}\n")
file(WRITE ${OUT} "${c}")
