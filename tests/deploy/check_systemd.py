#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: what is installed for systemd is understood by systemd's own checkers, and forbids nothing the side-car needs.

Method: the unit as configured, its program replaced by the one just built, through `systemd-analyze verify` and `security
--offline`; the user through `systemd-sysusers` and the folder through `systemd-tmpfiles`, each into a root of its own. None of
them starts anything. Exit 77 where systemd-analyze is not installed.

usage: check_systemd.py SOURCE_DIR BUILD_DIR
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

EXPOSURE_MAX = 2.5  # of 10, as `systemd-analyze security` counts; `OK` ends at 4.9
SHARED_MEMORY_HIDDEN_BY = ("PrivateUsers", "PrivateMounts", "PrivateNetwork", "RootDirectory", "RootImage", "PrivateIPC")


def ran(*argv):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=40, check=False)
    return done.returncode, done.stdout + done.stderr


def settings_of(unit):
    return dict(re.findall(r"^(\w+)=(.*)$", unit, re.M))


def unit_check(unit, folder, build):
    found = []
    if "@" in re.sub(r"@system-service|@\w+ stays", "", re.sub(r"#.*", "", unit)):
        found.append("a placeholder is left in the unit")
    program = build / "bin" / "flatlined"
    path = folder / "flatlined.service"
    path.write_text(re.sub(r"(?<=[ =])/\S+/flatlined(?= -c)", str(program), unit))
    code, said = ran("systemd-analyze", "verify", "--man=no", path)
    if code != 0 or "flatlined.service:" in said:
        found.append(f"systemd-analyze verify: {said.strip()}")
    code, said = ran("systemd-analyze", "security", "--offline=true", "--no-pager", path)
    exposure = re.search(r"Overall exposure level for flatlined\.service: ([\d.]+)", said)
    if exposure is None:
        found.append(f"systemd-analyze security: {said.strip()[-300:]}")
    else:
        print(f"exposure {exposure.group(1)}")
        if float(exposure.group(1)) > EXPOSURE_MAX:
            found.append(f"exposure {exposure.group(1)} is above {EXPOSURE_MAX}")
    return found


def needs_check(unit):
    """What flatlined(8) promises or needs, against the unit."""
    said = settings_of(unit)
    found = [f"{key} would hide the segment" for key in SHARED_MEMORY_HIDDEN_BY if said.get(key, "no") not in ("no", "")]
    wanted = {"Type": "notify", "User": "flatline", "RuntimeDirectory": "flatline", "LimitMEMLOCK": "infinity"}
    found += [f"{key} is {said.get(key)}, not {value}" for key, value in wanted.items() if said.get(key) != value]
    families = said.get("RestrictAddressFamilies", "").split()
    found += [f"{family} is needed" for family in ("AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK") if family not in families]
    if said.get("RestrictRealtime", "no") != "no":
        found.append("RestrictRealtime would forbid what a drop-in may ask for")
    if "CPUAffinity" in said:
        found.append("CPUs are the configuration's business")
    if not re.fullmatch(r"\d+s", said.get("WatchdogSec", "")):
        found.append("no watchdog")
    elif f"WATCHDOG_USEC={said['WatchdogSec'][:-1]}000000 " not in said.get("ExecReload", ""):
        found.append("a reload does not feed the watchdog that it inherits")
    if said.get("NotifyAccess") != "all":
        found.append("a successor could not say that it is the main process now")
    return found


def user_check(source, folder):
    found = []
    root = folder / "root"
    for part, name in (("sysusers.d", "sysusers"), ("tmpfiles.d", "tmpfiles")):
        (root / "usr/lib" / part).mkdir(parents=True)
        shutil.copy(source / "deploy/systemd" / f"flatline.{name}", root / "usr/lib" / part / "flatline.conf")
    (root / "etc").mkdir()
    code, said = ran("systemd-sysusers", f"--root={root}")
    passwd = root / "etc/passwd"
    if code != 0 or not passwd.exists():
        return found + [f"systemd-sysusers: {said.strip()}"]
    user = next((line.split(":") for line in passwd.read_text().splitlines() if line.startswith("flatline:")), None)
    if user is None or int(user[2]) >= 1000:
        found.append(f"no system user flatline: {user}")
    code, said = ran("systemd-tmpfiles", "--create", f"--root={root}", "--prefix=/etc/flatline")
    folder_made = root / "etc/flatline"
    if code != 0 or not folder_made.is_dir():
        found.append(f"systemd-tmpfiles: {said.strip()}")
    elif folder_made.stat().st_mode & 0o777 != 0o750:
        found.append(f"/etc/flatline has mode {folder_made.stat().st_mode & 0o777:o}")
    return found


def main():
    source, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    if shutil.which("systemd-analyze") is None:
        print("systemd-analyze is not installed")
        return 77
    unit = (build / "deploy" / "flatlined.service").read_text()
    with tempfile.TemporaryDirectory(prefix="flatline-systemd-") as name:
        found = needs_check(unit) + unit_check(unit, pathlib.Path(name), build)
        if pathlib.Path("/proc/self/status").read_text().split("Uid:\t")[1].split()[0] == "0":
            found += user_check(source, pathlib.Path(name))
        else:
            print("not root: users and folders are not tried")
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
