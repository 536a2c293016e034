#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: the container examples say what they must: one volume in memory at one path, the engine reading only, configurations
that flatlined takes, images with the libraries that the programs need.

Method: the YAML files are parsed and compared; each configuration in them goes through `flatlined --check-config`; the Dockerfile
is read instruction by instruction, and its runtime packages are held against the libraries the built programs name. Nothing is
built or started: there need be no container engine here. Exit 77 where python3-yaml is not installed.

usage: check_containers.py SOURCE_DIR BUILD_DIR
"""
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import yaml
except ImportError:
    print("python3-yaml is not installed")
    sys.exit(77)

INSTRUCTIONS = {"FROM", "RUN", "COPY", "WORKDIR", "USER", "HEALTHCHECK", "ENTRYPOINT"}
SHARED = "/run/flatline"


def config_check(build, text, where):
    """A configuration whose folder is one that exists here."""
    with tempfile.TemporaryDirectory(prefix="flatline-deploy-") as folder:
        path = pathlib.Path(folder) / "flatlined.yaml"
        path.write_text(text.replace(SHARED, folder))
        done = subprocess.run([build / "bin/flatlined", "-c", path, "--check-config"], capture_output=True, text=True, timeout=20,
                              check=False)
    return [] if done.returncode == 0 else [f"{where}: {done.stderr or done.stdout}"]


# ---- Kubernetes


def mount_of(container, volume):
    return next((m for m in container["volumeMounts"] if m["name"] == volume), {})


def sidecar_check(source, build):
    documents = {d["kind"]: d for d in yaml.safe_load_all((source / "deploy/kubernetes/sidecar.yaml").read_text())}
    pod = documents["Pod"]["spec"]
    memory = [v["name"] for v in pod["volumes"] if v.get("emptyDir", {}).get("medium") == "Memory"]
    if len(memory) != 1 or "sizeLimit" not in next(v for v in pod["volumes"] if v["name"] in memory)["emptyDir"]:
        return ["sidecar.yaml: one emptyDir in memory with a sizeLimit is wanted"]
    found = []
    sentinel, engine = pod["initContainers"][0], pod["containers"][0]
    ours, theirs = mount_of(sentinel, memory[0]), mount_of(engine, memory[0])
    if not ours or ours.get("mountPath") != theirs.get("mountPath"):
        found.append(f"sidecar.yaml: mounted at {ours.get('mountPath')} and {theirs.get('mountPath')}")
    if ours.get("readOnly") or not theirs.get("readOnly"):
        found.append("sidecar.yaml: the sentinel writes, the engine only reads")
    if sentinel.get("restartPolicy") != "Always":
        found.append("sidecar.yaml: the side-car is no side-car without restartPolicy: Always")
    group = {c["securityContext"]["runAsGroup"] for c in (sentinel, engine)} | {pod["securityContext"]["fsGroup"]}
    if len(group) != 1:
        found.append(f"sidecar.yaml: the engine is not in the segment's group: {group}")
    if any(c["resources"]["requests"] != c["resources"]["limits"] for c in (sentinel, engine)):
        found.append("sidecar.yaml: not Guaranteed")
    text = documents["ConfigMap"]["data"]["flatlined.yaml"]
    if yaml.safe_load(text)["segment"]["directory"] != ours.get("mountPath"):
        found.append("sidecar.yaml: the segment is not in the shared folder")
    return found + config_check(build, text, "sidecar.yaml")


# ---- Docker


def instructions_of(text):
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.M).replace("\\\n", " ")
    return [line.split(None, 1) for line in text.splitlines() if line.strip()]


def stages_of(instructions):
    stages, name = {}, None
    for word, rest in instructions:
        if word == "FROM":
            name = rest.split(" AS ")[1]
            stages[name] = []
        stages[name].append((word, rest))
    return stages


def packages_of(stage):
    text = " ".join(rest for word, rest in stage if word == "RUN")
    listed = re.search(r"--no-install-recommends\s+(.*?)&&", text)
    return set(listed.group(1).split()) if listed else set()


def owner_of(library):
    done = subprocess.run(["dpkg", "-S", f"*/{library}"], capture_output=True, text=True, check=False)
    return {line.split(":")[0] for line in done.stdout.splitlines()}


def libraries_check(build, packages):
    found = []
    for program in ("flatline", "flatlined", "flatline-venue"):
        dynamic = subprocess.run(["readelf", "-d", build / "bin" / program], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"NEEDED.*\[(.*)\]", dynamic):
            if re.match(r"(lib(c|m|gcc_s|stdc\+\+|asan|ubsan|tsan)|ld-linux.*)\.so", library):
                continue  # of every image, or of a sanitizer's build
            owners = owner_of(library)
            if owners and not owners & packages:
                found.append(f"Dockerfile: {program} needs {library} of {', '.join(sorted(owners))}")
    return found


def dockerfile_check(source, build):
    found = []
    instructions = instructions_of((source / "deploy/docker/Dockerfile").read_text())
    stages = stages_of(instructions)
    found += [f"Dockerfile: {word}?" for word, _ in instructions if word not in INSTRUCTIONS]
    for stage in stages.values():
        for word, rest in stage:
            parts = rest.split()
            if word == "COPY" and parts[0].startswith("--from=") and parts[0][7:] not in stages:
                found.append(f"Dockerfile: no stage {parts[0][7:]}")
            if word == "COPY" and not parts[0].startswith("--") and not (source / parts[0]).exists():
                found.append(f"Dockerfile: no {parts[0]} to copy")
    for name in ("sentinel", "engine"):
        users = [rest for word, rest in stages[name] if word == "USER"]
        if not users or users[-1] in ("root", "0"):
            found.append(f"Dockerfile: {name} runs as root")
    wanted = set(re.search(r"packages=\((.*?)\)", (source / "scripts/deps").read_text(), re.S).group(1).split())
    found += [f"Dockerfile: {p} is not of scripts/deps" for p in sorted(packages_of(stages["build"]) - wanted)]
    return found + libraries_check(build, packages_of(stages["sentinel"]))


def compose_check(source, build):
    folder = source / "deploy/docker"
    compose = yaml.safe_load((folder / "compose.yaml").read_text())
    services = compose["services"]
    stages = stages_of(instructions_of((folder / "Dockerfile").read_text()))
    (volume, options), = compose["volumes"].items()
    found = []
    if options["driver_opts"]["type"] != "tmpfs":
        found.append("compose.yaml: the volume is not in memory")
    mounts = {name: next(v for v in service["volumes"] if v.startswith(volume + ":")) for name, service in services.items()}
    if mounts != {"flatlined": f"{volume}:{SHARED}", "engine": f"{volume}:{SHARED}:ro"}:
        found.append(f"compose.yaml: {mounts}")
    for name, service in services.items():
        place = folder / service["build"]["context"]
        if not (place / service["build"]["dockerfile"]).is_file() or service["build"]["target"] not in stages:
            found.append(f"compose.yaml: {name} cannot be built")
        for mount in service["volumes"]:
            if mount.startswith("./") and not (folder / mount.split(":")[0]).is_file():
                found.append(f"compose.yaml: no {mount}")
    return found + config_check(build, (folder / "flatlined.yaml").read_text(), "deploy/docker/flatlined.yaml")


def main():
    source, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    found = sidecar_check(source, build) + dockerfile_check(source, build) + compose_check(source, build)
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
