#!/bin/bash
# The AVX-512 kernels as they are, on a processor without AVX-512: the op suite and the engine's twenty steps, linked
# statically, in a Linux guest under the emulator Bochs, which executes the real instructions. All arguments go to the
# suite (`--op NAME` is a part of it); ISA=avx2 runs another instruction set. Prints `ok bochs_avx512`, or `skip` or
# `FAIL bochs_avx512 why`. Needs the packages below and a kernel: the newest of /boot, else apt-get download fetches one
# into build/bochs without installing it.
set -u
cd "$(dirname "$0")/.." || exit 1
isa=${ISA:-avx512}
label=bochs_$isa
out=build/bochs
cc=gcc
model=corei7_skylake_x
limit=${LIMIT:-7200} # seconds
speed=100000000 # instructions per second of the guest's clock; fewer, and its timers take most of the time

skip() {
    echo "skip $label $*"
    exit 0
}
fail() {
    echo "FAIL $label $*"
    exit 1
}

[ "$(uname -m)" = x86_64 ] || skip "instruction sets of x86-64 are built on x86-64 only"
missing=
while read -r file package; do
    [ -e "$file" ] || missing+=" $package"
done <<END
/usr/bin/bochs bochs
/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so bochs-term
/usr/share/bochs/BIOS-bochs-latest bochsbios
/usr/share/vgabios/vgabios.bin vgabios
/usr/lib/ISOLINUX/isolinux.bin isolinux
/usr/lib/syslinux/modules/bios/ldlinux.c32 syslinux-common
/usr/bin/xorriso xorriso
/usr/bin/cpio cpio
END
busybox=
for file in /bin/busybox /usr/bin/busybox; do
    LC_ALL=C ldd $file 2>&1 | grep -q -e 'not a dynamic' -e 'statically' && busybox=$file && break
done
[ -n "$busybox" ] || missing+=" busybox-static"
[ -z "$missing" ] || skip "not installed:$missing"
bochs --help cpu </dev/null 2>&1 | grep -qx $model || skip "this bochs was built without AVX-512"
mkdir -p $out
kernel=$(find /boot $out -maxdepth 1 -name 'vmlinuz*' -readable 2>/dev/null | sort -V | tail -1)
if [ -z "$kernel" ]; then
    package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '$1 == "Depends:" {print $2; exit}')
    [ -n "$package" ] || skip "no kernel in /boot, and apt knows no linux-image-cloud-amd64"
    (cd $out && apt-get download "$package" >apt.log 2>&1 && dpkg -x "$package"_*.deb kernel) ||
        skip "no kernel in /boot, and $package cannot be fetched (see $out/apt.log)"
    cp $out/kernel/boot/vmlinuz-* $out/ && rm -r $out/kernel $out/"$package"_*.deb
    kernel=$(find $out -maxdepth 1 -name 'vmlinuz*' | head -1)
fi

. tests/opsuite.sh
base_objects ""
kernels generic -O3
kernels avx2 "-O3 -mavx2 -mfma"
avx512="-O3 -mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512"
kernels avx512 "$avx512"
# Built because the list of instruction sets names them; this processor model has neither.
kernels avx512bf16 "$avx512 -mavx512bf16" avx512
kernels amx "$avx512 -mamx-tile -mamx-bf16" avx512
link_suite -static
link_engine -static

# The guest's files. busybox runs tests/exact/steps.sh as bash would.
guest=$(mktemp -d) || exit 1
pid=
# shellcheck disable=SC2154
trap '[ -z "$pid" ] || { kill $pid 2>/dev/null; wait $pid; }; rm -rf "$guest"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$guest"/root/{bin,dev,proc,sys,tests/exact} "$guest/iso/isolinux"
cp "$busybox" "$guest/root/bin/busybox"
cp tests/exact/{steps.sh,hashes.txt} "$guest/root/tests/exact/"
strip -o "$guest/root/strait_check" $out/strait_check && strip -o "$guest/root/strait_steps" $out/strait_steps || exit 1
suite=$(printf ' %q' --isa "$isa" "$@")
cat >"$guest/root/init" <<END
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
exec </dev/null >/dev/ttyS0 2>&1
stty -F /dev/ttyS0 raw
cd /
status=0
./strait_check$suite || { echo "FAIL $label the op suite found differences"; status=1; }
STRAIT_CPU=$isa sh tests/exact/steps.sh $label ./strait_steps || status=1
echo "guest ends with \$status"
poweroff -f
END
chmod +x "$guest/root/init"
(cd "$guest/root" && find . | cpio -o -H newc --quiet) | gzip -1 >"$guest/iso/isolinux/initrd"
cp "$kernel" "$guest/iso/isolinux/vmlinuz"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$guest/iso/isolinux/"
# CPU features that Linux is told to leave alone, by number: 321 and 323, XSAVEC and XSAVES, whose size Bochs 2.7
# reports wrongly, so that Linux would give up AVX; 580, FSRM, which without ERMS makes memmove of Linux 6.1 run wild.
cat >"$guest/iso/isolinux/isolinux.cfg" <<END
default guest
prompt 0
label guest
 kernel vmlinuz
 append initrd=initrd console=ttyS0 loglevel=1 panic=-1 mitigations=off nokaslr noxsaves clearcpuid=321,323,580 \
tsc=reliable lpj=$((speed / 250)) cryptomgr.notests random.trust_cpu=on
END
xorriso -as mkisofs -quiet -o "$guest/iso.img" -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot \
    -boot-load-size 4 -boot-info-table "$guest/iso" 2>"$out/xorriso.log" ||
    fail "xorriso made no image (see $out/xorriso.log)"
cat >"$guest/bochsrc" <<END
display_library: term
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
cpu: model=$model, count=1, ips=$speed, reset_on_triple_fault=0
memory: guest=512, host=512
clock: sync=none
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path="$guest/iso.img", status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev="$guest/serial"
log: $out/bochs.log
panic: action=fatal
error: action=report
info: action=report
END

# A Bochs with its debugger waits for the command that continues.
debugger=()
if bochs --help </dev/null 2>&1 | grep -q -e '-rc filename'; then
    echo c >"$guest/rc"
    debugger=(-rc "$guest/rc")
fi
touch "$guest/serial"
# An emulator that waits for nothing was seen once; SIGTERM alone does not end this one.
TERM=linux timeout -k 5 "$limit" bochs -q -f "$guest/bochsrc" "${debugger[@]}" </dev/null >"$out/screen" 2>&1 &
pid=$!
tail -n +1 --pid=$pid -f "$guest/serial" | grep --line-buffered -v '^guest ends with'
wait $pid
pid=
status=$(sed -n 's/^guest ends with \([0-9]*\).*/\1/p' "$guest/serial")
[ -n "$status" ] || fail "the guest did not come to its end in $limit s (see $out/bochs.log; LIMIT=seconds gives it more)"
[ "$status" = 0 ] && echo "ok $label"
exit "$status"
