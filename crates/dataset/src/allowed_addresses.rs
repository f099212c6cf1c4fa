use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The IP addresses to which requests may be sent. Lists of URLs from others, and redirects, may point into a
/// private network.
///
/// A download's journal stores the `Debug` form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowedAddresses {
    /// Public addresses only: no private, loopback or link-local ones.
    #[default]
    Public,
    /// Public addresses and these.
    PublicAnd(Vec<IpAddr>),
    /// All addresses.
    Anywhere,
}

impl AllowedAddresses {
    /// Whether requests to this address are allowed.
    pub fn includes(&self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Public => is_public(address),
            Self::PublicAnd(others) => is_public(address) || others.contains(&address),
        }
    }
}

/// Whether an address is globally reachable according to IANA's registries of special addresses
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>,
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Addresses that embed an IPv4 address lead to it.
    if let Some(inner) = inner_v4(address) {
        return is_public_v4(inner);
    }
    let [a, b, ..] = address.segments();
    // Only 2000::/3 has been assigned. Within it, protocols (with Teredo and benchmarks) and documentation
    // have their own ranges.
    matches!(a, 0x2000..=0x3fff)
        && !matches!(
            (a, b),
            (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) | (0x5f00, _)
        )
}

/// The IPv4 address within `::ffff:0:0/96`, `64:ff9b::/96` (NAT64) and `2002::/16` (6to4).
fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(v4(high, low))
        }
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_is_public() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.0.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(
                !AllowedAddresses::Public.includes(address.parse().unwrap()),
                "{address}"
            );
        }
        for address in [
            "1.1.1.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "193.168.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "2002:101:101::",
            "64:ff9b::101:101",
            "2001:4860:4860::8888",
        ] {
            assert!(
                AllowedAddresses::Public.includes(address.parse().unwrap()),
                "{address}"
            );
        }
    }

    #[test]
    fn others_may_be_let_in() {
        let one: IpAddr = "127.0.0.1".parse().unwrap();
        let other: IpAddr = "127.0.0.2".parse().unwrap();
        let allowed_addresses = AllowedAddresses::PublicAnd(vec![one]);
        assert!(allowed_addresses.includes(one) && !allowed_addresses.includes(other));
        assert!(AllowedAddresses::Anywhere.includes(other));
    }
}
