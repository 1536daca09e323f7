"""ISO 4217 currencies, including withdrawn ones, because old orders have them."""

import pycountry

# ISO 4217, list three ("historic denominations"), which pycountry does not have.
LIST_THREE = """
ADP AFA ALK ANG AOK AON AOR ARA ARP ARY ATS AYM AZM BAD BEC BEF BEL BGJ BGK BGL BGN BOP BRB BRC BRE BRN
BRR BUK BYB BYR CHC CSD CSJ CSK CUC CYP DDM DEM ECS ECV EEK ESA ESB ESP FIM FRF GEK GHC GHP GNE GNS GQE
GRD GWE GWP HRD HRK IEP ILP ILR ISJ ITL LAJ LSM LTL LTT LUC LUF LUL LVL LVR MGF MLF MRO MTL MTP MVQ MXP
MZE MZM NIC NLG PEH PEI PES PLZ PTE RHD ROK ROL RUR SDD SDP SIT SKK SLL SRG STD SUR TJR TMM TPE TRL UAK
UGS UGW USS UYN UYP VEB VEF VNC XEU XFO XFU XRE YDD YUD YUM YUN ZAL ZMK ZRN ZRZ ZWC ZWD ZWL ZWN ZWR
"""
WITHDRAWN = frozenset(LIST_THREE.split())


def is_known_currency(code: str) -> bool:
    """Whether the code is or was a currency of ISO 4217."""
    return code in WITHDRAWN or pycountry.currencies.get(alpha_3=code) is not None
