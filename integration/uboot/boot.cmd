# Starts one of two slots and remembers which: the U-Boot side of cutover's boot back-end `uboot`.
# README.md beside this file says how to put it on a device. What a product may want to change
# stands in cutover.cmd.
#
# The record is a redundant U-Boot environment of its own, two copies of 4096 bytes:
#     0-3 CRC32, 4 the flag (the copy with the higher one counts; 0 comes after 255), 5- variables
# `env import -c` and `env export -c` know the form without a flag. So the CRC is moved by one byte
# over the flag before the one, and back after the other.
#
# distro_bootcmd has set devtype, devnum and kernel_addr_r.

if test "${cutover_watchdog}" = ib700; then iow.b 0x443 0; fi

setenv cutover_names cutover_committed cutover_trial cutover_left cutover_tries

# Memory: 00000 copy 0, 10000 copy 1, 20000 and 20001 their flags, 20010 four bytes on their way,
# 30001 what is exported; export clears as much as U-Boot's own environment is long.
setenv cutover_check '
    setenv sound 0;
    if test "${cutover_committed}" = a || test "${cutover_committed}" = b; then
        if test "${cutover_trial}" = a || test "${cutover_trial}" = b || test "${cutover_trial}" = none; then
            setenv digits 0;
            for digit in 0 1 2 3 4 5 6 7 8 9; do
                if test "${cutover_left}" = "${digit}"; then setenv digits 1${digits}; fi;
                if test "${cutover_tries}" = "${digit}"; then setenv digits 1${digits}; fi;
            done;
            if test "${digits}" = 110; then setenv sound 1; fi;
        fi;
    fi'
setenv cutover_import '
    for name in ${cutover_names}; do setenv ${name}; done;
    setenv sound 0;
    if env import -c ${cutover_memory}${copy}0001 0xfff ${cutover_names}; then run cutover_check; fi'
setenv cutover_load '
    setenv sound 0;
    mw.b ${cutover_memory}${copy}0000 0xff 0x1000;
    if ${devtype} read ${cutover_memory}${copy}0000 ${block} 8; then
        cp.b ${cutover_memory}${copy}0004 ${cutover_memory}2000${copy} 1;
        cp.b ${cutover_memory}${copy}0000 ${cutover_memory}20010 4;
        cp.b ${cutover_memory}20010 ${cutover_memory}${copy}0001 4;
        run cutover_import;
    fi'

# Writes cutover_left = ${left} into the copy in use and reads it back. ${sound} is 1 when it is there.
setenv cutover_count '
    setenv cutover_left ${left};
    env export -c -s 0xfff ${cutover_memory}30001 ${cutover_names};
    cp.b ${cutover_memory}30001 ${cutover_memory}${copy}0001 0xfff;
    cp.b ${cutover_memory}30001 ${cutover_memory}${copy}0000 4;
    cp.b ${cutover_memory}2000${copy} ${cutover_memory}${copy}0004 1;
    ${devtype} write ${cutover_memory}${copy}0000 ${block} 8;
    run cutover_load;
    if test "${cutover_left}" != "${left}"; then setenv sound 0; fi'

# Starts ${slot} for ${why}; comes back when its kernel cannot be loaded.
setenv cutover_start '
    setenv name ${cutover_slot_a};
    if test "${slot}" = b; then setenv name ${cutover_slot_b}; fi;
    if part number ${devtype} ${devnum} ${name} number; then
        part uuid ${devtype} ${devnum}:${number} partuuid;
        echo cutover: starting slot ${slot} ${why};
        setenv bootargs root=PARTUUID=${partuuid} ro cutover.slot=${slot} ${why} panic=5 ${cutover_arguments};
        if load ${devtype} ${devnum}:${number} ${kernel_addr_r} /boot/vmlinuz; then run cutover_boot; fi;
    fi;
    echo cutover: slot ${slot} cannot be started'

setenv copy 0
setenv block ${cutover_block0}
run cutover_load
setenv sound0 ${sound}
setenv copy 1
setenv block ${cutover_block1}
run cutover_load
setenv sound1 ${sound}

# Which copy counts.
setenv copy none
if test "${sound0}" = 1; then setenv copy 0; fi
if test "${sound1}" = 1; then
    if test "${sound0}" = 0; then
        setenv copy 1
    else
        if itest.b *${cutover_memory}20001 -gt *${cutover_memory}20000; then setenv copy 1; fi
        if itest.b *${cutover_memory}20000 == 0 && itest.b *${cutover_memory}20001 == 0xff; then setenv copy 0; fi
        if itest.b *${cutover_memory}20001 == 0 && itest.b *${cutover_memory}20000 == 0xff; then setenv copy 1; fi
    fi
fi

if test "${copy}" = none; then
    echo cutover: no copy of the boot record can be read
    setenv why cutover.rescue=1
    setenv slot a
    run cutover_start
    setenv slot b
    run cutover_start
else
    setenv block ${cutover_block0}
    if test "${copy}" = 1; then setenv block ${cutover_block1}; fi
    run cutover_import
    setenv why
    if test "${cutover_trial}" != none; then
        # No arithmetic here.
        setenv left
        setenv before
        for digit in 0 1 2 3 4 5 6 7 8 9; do
            if test "${cutover_left}" = "${digit}"; then setenv left ${before}; fi
            setenv before ${digit}
        done
        if test -n "${left}"; then
            # A boot that was not counted could come again for ever. So it does not happen.
            run cutover_count
            if test "${sound}" = 1; then
                setenv slot ${cutover_trial}
                setenv why cutover.trial=1
                run cutover_start
            fi
            # A kernel that cannot be loaded now could not be loaded next time.
            setenv left 0
            run cutover_count
        fi
        setenv why cutover.fallback=1
    fi
    setenv slot ${cutover_committed}
    run cutover_start
    setenv why cutover.rescue=1
    if test "${cutover_committed}" = a; then setenv slot b; else setenv slot a; fi
    run cutover_start
fi

echo cutover: no slot can be started; trying again in 10 seconds
sleep 10
reset
