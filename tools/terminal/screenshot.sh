#!/usr/bin/env bash
# Take the picture of the terminal for README: `just screenshot`, or tools/terminal/screenshot.sh PROGRAM OUTPUT.
# A real xterm shows sixels on a virtual screen (Debian's xterm, xvfb, imagemagick and fonts-dejavu-core).
set -euo pipefail
program=$(realpath "$1") output=$(realpath -m "$2")
cd "$(dirname "$0")/../../demo/pictures"
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$folder"' EXIT
ln -s "$program" "$folder/clipseek"
export CLIPSEEK_STORE=$folder/store PATH=$folder:$PATH
clipseek add ../captions.csv --model mini 2>/dev/null

cat > "$folder/session.sh" <<'SESSION'
clear
for command in 'clipseek search a bird on a branch' 'clipseek search "two-perch.jpg + red"'; do
    printf '\033[1;32m$\033[0m %s\n' "$command"
    eval "$command"
done
touch "$0.done"
sleep 60
SESSION

mkfifo "$folder/display"
Xvfb -displayfd 3 -screen 0 1070x760x24 3> "$folder/display" 2>/dev/null &
DISPLAY=:$(head -n 1 "$folder/display")
export DISPLAY
xterm -ti vt340 -xrm 'XTerm*numColorRegisters: 256' -xrm 'XTerm*maxGraphicSize: 2000x2000' \
    -fa 'DejaVu Sans Mono' -fs 12 -bg '#16181d' -fg '#e6e6e6' -b 10 +sb -geometry 103x36+0+0 \
    -e bash "$folder/session.sh" &
for _ in $(seq 300); do [[ -e $folder/session.sh.done ]] && break; sleep 0.1; done
[[ -e $folder/session.sh.done ]] || { echo "the session in xterm didn't end" >&2; exit 1; }
sleep 1 # xterm draws what it has read
import -window root png:- | convert png:- -bordercolor black -trim +repage -quality 88 "$output"
