# The same for UEFI: a PE image that writes its name and load options to the first serial port.
        .section .text
        .globl _start
_start:
dos:    .ascii "MZ"
        .org 0x3c
        .long pe - dos
pe:     .ascii "PE\0\0"
        .word 0x8664, 1                 # machine, sections
        .long 0, 0, 0
        .word sections - optional
        .word 0x020e                    # executable, no line numbers, no symbols, no debug
optional:
        .word 0x20b
        .byte 0, 0
        .long end - code, 0, 0          # sizes of code, data, bss
        .long code - dos                # entry
        .long code - dos                # base of code
        .quad 0                         # image base
        .long 0x1000, 0x200             # alignment in memory, in the file
        .word 0, 0, 0, 0, 0, 0
        .long 0
        .long 0x2000                    # size of the image
        .long 0x1000                    # and of the headers
        .long 0
        .word 10, 0                     # subsystem: EFI application
        .quad 0, 0, 0, 0
        .long 0
        .long 6                         # directories, all empty
        .fill 6, 8, 0
sections:
        .ascii ".text\0\0\0"
        .long end - code, code - dos, end - code, code - dos
        .long 0, 0
        .word 0, 0
        .long 0x60000020
        .org 0x1000
code:   sub $0x38, %rsp
        # SystemTable->BootServices->HandleProtocol(image, &guid, &loaded)
        mov 0x60(%rdx), %rax
        lea guid(%rip), %rdx
        lea 0x28(%rsp), %r8
        call *0x98(%rax)
        lea name(%rip), %rsi
        mov $1, %ebx
        mov $27, %ecx
        call say
        mov 0x28(%rsp), %rax
        mov 0x30(%rax), %ecx            # LoadOptionsSize
        shr $1, %ecx
        mov 0x38(%rax), %rsi            # LoadOptions, UTF-16
        mov $2, %ebx
        call say
        lea newline(%rip), %rsi
        mov $1, %ebx
        mov $2, %ecx
        call say
        mov $0x4000, %ecx
wait:   in $0x80, %al
        loop wait
        mov $6, %al
        mov $0xcf9, %dx
reset:  out %al, %dx
        hlt
        jmp reset
say:    test %ecx, %ecx
        jz said
full:   mov $0x3fd, %dx
        in %dx, %al
        test $0x20, %al
        jz full
        mov (%rsi), %al
        test %al, %al
        jz said
        mov $0x3f8, %dx
        out %al, %dx
        add %rbx, %rsi
        dec %ecx
        jmp say
said:   ret
guid:   .long 0x5b1b31a1
        .word 0x9562, 0x11d2
        .byte 0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b
name:   .ascii "\r\nKERNEL NAME------------: "
newline: .ascii "\r\n"
        .org 0x1200
end:
