"""The versions that the engine reports, in one place (images.md 23.2)."""

VERSION = "0.1.0"
"""Our own version (PEP 440)."""

COMPATIBLE = "28.5.0"
"""The Docker Engine whose behaviour and API level we follow."""

ENGINE_VERSION = f"{COMPATIBLE}+wherry.{VERSION}"
"""What `version` and `info` say. Ours rides behind `+`: SemVer compares and constrains it as the plain release,
and clients have met that form before (distributions build `20.10.24+dfsg1`)."""

API_VERSION = "1.51"
MIN_API_VERSION = "1.24"

GIT_COMMIT = f"v{VERSION}"
"""The tag of the release: a checkout of ours is not built, so it has no commit of a build; clients want a text."""

BUILD_TIME = "2026-11-24T00:00:00.000000000+00:00"
"""When this version was made."""
