"""The certificates of the TCP listeners (api-containers.md 1.1)."""

import os
import ssl

from wherry.base.errors import InvalidParameter
from wherry.main.config import Config


def server_context(config: Config) -> ssl.SSLContext | None:
    """Return what the TCP listeners speak, None without TLS; InvalidParameter names the file that cannot be read.

    With tlsverify a client needs a certificate that tlscacert signed; the system's own roots do not count.
    """
    if not config.tls:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    cert, key, roots = (os.path.expanduser(path) for path in (config.tlscert, config.tlskey, config.tlscacert))
    try:
        context.load_cert_chain(cert, key)
    except OSError as error:
        raise InvalidParameter(
            f'invalid TLS configuration: could not load X509 key pair (cert: "{cert}", key: "{key}"): {error}'
        ) from error
    if config.tlsverify:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(roots)
        except OSError as error:
            raise InvalidParameter(
                f'invalid TLS configuration: could not read CA certificate "{roots}": {error}'
            ) from error
    return context
