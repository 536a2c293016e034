# SPDX-License-Identifier: MIT
# FLATLINE_SANITIZE is handed to -fsanitize= for the whole build: a half-instrumented program lies.
set(FLATLINE_SANITIZE "" CACHE STRING "e.g. address,undefined or thread")
if(FLATLINE_SANITIZE)
  add_compile_options(-fsanitize=${FLATLINE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FLATLINE_SANITIZE})
endif()
