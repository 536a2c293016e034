# SPDX-License-Identifier: MIT
# Every warning of both compilers that pays. Targets opt in with flatline_strict(target).
option(FLATLINE_WERROR "Treat warnings as errors" ON)

set(FLATLINE_WARNINGS_COMMON
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wcast-align
    -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wswitch-enum -Wimplicit-fallthrough
    -Wdouble-promotion -Wnull-dereference)
set(FLATLINE_WARNINGS_C -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition)
set(FLATLINE_WARNINGS_GNU_C -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init)
set(FLATLINE_WARNINGS_CLANG -Wcomma -Wconditional-uninitialized -Wunreachable-code)

function(flatline_strict target)
  target_compile_options(${target} PRIVATE ${FLATLINE_WARNINGS_COMMON}
    $<$<COMPILE_LANGUAGE:C>:${FLATLINE_WARNINGS_C}>
    $<$<AND:$<COMPILE_LANGUAGE:C>,$<C_COMPILER_ID:GNU>>:${FLATLINE_WARNINGS_GNU_C}>
    $<$<C_COMPILER_ID:Clang>:${FLATLINE_WARNINGS_CLANG}>)
  if(FLATLINE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
endfunction()
