/* SPDX-License-Identifier: MIT */
typedef int core_placeholder;
