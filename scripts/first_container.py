"""first_container.py HOST IMAGE COMMAND: what `make run` does where there is no docker CLI, with the docker package."""

import sys

import docker

from wherry.main.demo import demo_archive


def main() -> int:
    """Load the image, run the command in a container of it and print its output."""
    host, image, command = sys.argv[1:]
    client = docker.DockerClient(base_url=host)
    for loaded in client.images.load(demo_archive(f"{image}:latest", ["sh"])):
        print(f"Loaded image: {', '.join(loaded.tags)}")
    output = client.containers.run(image, ["sh", "-c", command], remove=True)
    print(output.decode().rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
