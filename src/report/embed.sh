#!/bin/sh
# embed.sh FILE…: C source with the text of each file as ASSET_<NAME>, for meson to write.
set -eu
echo '/* Made by embed.sh from the files of the same names. */'
for file in "$@"; do
	name=$(basename "$file" | tr 'a-z.' 'A-Z_')
	echo "static const char ASSET_$name[] ="
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^[ 	]*//' -e '/^$/d' -e 's/^/"/' -e 's/$/\\n"/' "$file"
	echo ';'
done
