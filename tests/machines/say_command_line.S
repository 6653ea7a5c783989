# A "kernel" of one kilobyte: it has the header of a Linux bzImage, writes its name and command line
# to the first serial port, and resets the machine. Boot loaders load it as they load Linux.

        .code16
        .section .text
        .globl _start
_start:
        .org 0x1f1
        .byte 1                         # setup_sects: one sector besides this one
        .word 0                         # root_flags
        .long (end32 - start32 + 15) / 16
        .word 0, 0, 0                   # ram_size, vid_mode, root_dev
        .word 0xaa55                    # boot_flag
        .org 0x200
        .byte 0xeb, 0x62                # jump over the header
        .ascii "HdrS"
        .word 0x0206                    # version of the boot protocol
        .long 0                         # realmode_swtch
        .word 0, 0                      # start_sys_seg, kernel_version
        .byte 0, 1                      # type_of_loader; loadflags: LOADED_HIGH
        .word 0                         # setup_move_size
        .long 0x100000                  # code32_start
        .long 0, 0, 0                   # ramdisk_image, ramdisk_size, bootsect_kludge
        .word 0                         # heap_end_ptr
        .byte 0, 0                      # ext_loader_ver, ext_loader_type
        .long 0                         # cmd_line_ptr
        .long 0x37ffffff                # initrd_addr_max
        .long 0x1000                    # kernel_alignment
        .byte 0, 0                      # relocatable_kernel, min_alignment
        .word 0                         # xloadflags
        .long 2047                      # cmdline_size
        .org 0x400

        .code32
start32:
        mov 0x228(%esi), %ebx           # boot_params: cmd_line_ptr
        call here
here:   pop %ebp
        lea name - here(%ebp), %esi
        call say
        mov %ebx, %esi
        call say
        lea newline - here(%ebp), %esi
        call say
        mov $0x20000, %ecx              # lets the last characters leave the port
wait:   in $0x80, %al
        loop wait
reset:  mov $0xfe, %al
        out %al, $0x64
        hlt
        jmp reset

say:    mov $0x3fd, %dx
full:   in %dx, %al
        test $0x20, %al
        jz full
        lodsb
        test %al, %al
        jz said
        mov $0x3f8, %dx
        out %al, %dx
        jmp say
said:   ret

name:   .ascii "\r\nKERNEL "
        .ascii "NAME------------"       # 16 characters, put in by whoever builds the machine
        .asciz ": "
newline: .asciz "\r\n"
        .org 0x600
end32:
