# Writes OUT: the text file IN as `const char *const NAME[]`, one string a line, NULL at the end.
#   cmake -DOUT=x.c -DNAME=page -DIN=page.html -P embed.cmake
file(READ ${IN} text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\n" "\\n\",\n    \"" text "${text}")
file(WRITE ${OUT} "extern const char *const ${NAME}[];\nconst char *const ${NAME}[] = {\n    \"${text}\",\n    0,\n};\n")
