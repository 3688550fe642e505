"""What exists before the stack does: the hosted zone and the certificate that terraform/app/*.tfvars name."""

from moto.acm.models import CertBundle, acm_backends
from moto.route53.models import route53_backends

from tests.support.simulator import ACCOUNT, CERTIFICATE, HOSTED_ZONE, REGION


def install() -> None:
    certificate = CertBundle.generate_cert(f"*.{HOSTED_ZONE}", account_id=ACCOUNT, region=REGION)
    certificate.arn = CERTIFICATE
    # A requested certificate waits a minute for its validation.
    certificate.status = "ISSUED"
    acm_backends[ACCOUNT][REGION]._certificates[CERTIFICATE] = certificate
    route53_backends[ACCOUNT]["aws"].create_hosted_zone(f"{HOSTED_ZONE}.", private_zone=False, comment=None)
