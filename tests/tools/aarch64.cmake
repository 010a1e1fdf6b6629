# aarch64.cmake - cross build with Debian's gcc-aarch64-linux-gnu against the unpacked sysroot of tests/tools/sysroot.sh.
# cmake -B build-aarch64 -DCMAKE_TOOLCHAIN_FILE=tests/tools/aarch64.cmake -DDRAGOMAN_SYSROOT=DIR
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_ASM_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES DRAGOMAN_SYSROOT)
set(CMAKE_SYSROOT ${DRAGOMAN_SYSROOT})
set(CMAKE_FIND_ROOT_PATH ${DRAGOMAN_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${DRAGOMAN_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${DRAGOMAN_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${DRAGOMAN_SYSROOT}/usr/share/pkgconfig)
# indirect dependencies of shared libraries
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath-link,${DRAGOMAN_SYSROOT}/usr/lib/aarch64-linux-gnu:${DRAGOMAN_SYSROOT}/lib/aarch64-linux-gnu")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64;-L;${DRAGOMAN_SYSROOT})
