# What this product adds to boot.cmd; stands before it in boot.scr.

# Where the two copies of the boot record begin, in blocks of 512 bytes from the start of the disk.
setenv cutover_block0 0x1000
setenv cutover_block1 0x1008

# GPT names of the slots' partitions.
setenv cutover_slot_a slot-a
setenv cutover_slot_b slot-b

# One MiB of memory that nothing else uses: 0x60 stands for 0x6000000.
setenv cutover_memory 0x60

# Arguments for the kernel of either slot, and how it is started.
setenv cutover_arguments console=ttyS0
setenv cutover_boot 'zboot ${kernel_addr_r} ${filesize}'

# ib700 arms that watchdog before anything else is done; none arms none.
setenv cutover_watchdog none
