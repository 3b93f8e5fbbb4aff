# cmake -DOUT=file.c -DPATTERN=glob -DFUNCTION=name -DHEADER=header.h -P: writes
# FUNCTION(name), which gives the text of the file that PATTERN names so, so that the
# installed program needs no files for them.
file(GLOB files ${PATTERN})
list(SORT files)
set(c "#include \"${HEADER}\"\n\n#include <string.h>\n\n")
string(APPEND c "static const struct {\n\tconst char *name, *text;\n} templates[] = {\n")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n\t \"" text "${text}")
  string(APPEND c "\t{\"${name}\",\n\t \"${text}\"},\n")
endforeach()
string(APPEND c "};\n\nconst char *${FUNCTION}(const char *name)\n{\n"
  "\tfor (size_t i = 0; i < sizeof templates / sizeof *templates; i++)\n"
  "\t\tif (strcmp(templates[i].name, name) == 0)\n\t\t\treturn templates[i].text;\n"
  "\treturn NULL;\n}\n")
file(WRITE ${OUT} "${c}")
