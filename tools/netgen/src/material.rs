//! Keys, certificates and MSP folders of organizations, laid out as Fabric's cryptogen lays them out.
//!
//! Fabric: `cmd/cryptogen/main.go`, `internal/cryptogen/msp/msp.go`.

use std::path::{Path, PathBuf};

use heddle::testing::kit::{NodeRole, Seed};
use time::OffsetDateTime;

use crate::certificates::{Authority, KeyKind, Purpose};
use crate::spec::{Network, Org, Section};
use crate::tree::Tree;

/// The folder of an organization.
pub(crate) fn org_folder(org: &Org) -> PathBuf {
    let kind = match org.section {
        Section::Application => "peerOrganizations",
        Section::Orderer => "ordererOrganizations",
    };
    Path::new("crypto-config").join(kind).join(&org.domain)
}

/// The folder of a node, with `msp` and `tls` in it.
pub(crate) fn node_folder(org: &Org, host: &str) -> PathBuf {
    let kind = match org.section {
        Section::Application => "peers",
        Section::Orderer => "orderers",
    };
    org_folder(org).join(kind).join(host)
}

/// Everything that an organization has.
pub(crate) fn make(
    tree: &mut Tree,
    network: &Network,
    org: &Org,
    not_before: OffsetDateTime,
    seed: &Seed,
) -> Result<(), rcgen::Error> {
    let seed = seed.child(&org.domain);
    let root = |prefix: &str, kind: KeyKind| {
        let name = format!("{prefix}.{}", org.domain);
        let seed = seed.child(prefix);
        Authority::root(name, &org.domain, &org.subject, kind, not_before, &seed)
    };
    let maker = Maker {
        ca: root("ca", network.key)?,
        tls_ca: root("tlsca", KeyKind::Ecdsa)?,
        kind: network.key,
        node_ous: network.node_ous,
        seed,
    };
    let folder = org_folder(org);
    for (name, authority) in [("ca", &maker.ca), ("tlsca", &maker.tls_ca)] {
        let folder = folder.join(name);
        tree.file(
            certificate_file(&folder, &authority.name),
            authority.pem.clone(),
        );
        tree.secret(folder.join("priv_sk"), authority.key_pem.clone());
    }
    let admin = format!("Admin@{}", org.domain);
    let admin_pem = maker.member(
        tree,
        &folder.join("users").join(&admin),
        &admin,
        NodeRole::Admin,
        &[],
    )?;
    let role = match org.section {
        Section::Application => NodeRole::Peer,
        Section::Orderer => NodeRole::Orderer,
    };
    let mut msps = vec![
        folder.join("msp"),
        folder.join("users").join(&admin).join("msp"),
    ];
    maker.definition(tree, &folder.join("msp"));
    for node in &org.nodes {
        let folder = node_folder(org, &node.host);
        maker.member(tree, &folder, &node.host, role, &node.sans)?;
        msps.push(folder.join("msp"));
    }
    for number in 1..=org.users {
        let name = format!("User{number}@{}", org.domain);
        let folder = folder.join("users").join(&name);
        let pem = maker.member(tree, &folder, &name, NodeRole::Client, &[])?;
        if !maker.node_ous {
            // cryptogen leaves a user's own certificate there.
            tree.file(
                certificate_file(&folder.join("msp").join("admincerts"), &name),
                pem,
            );
        }
    }
    if !maker.node_ous {
        for msp in msps {
            let file = certificate_file(&msp.join("admincerts"), &admin);
            tree.file(file, admin_pem.clone());
        }
    }
    Ok(())
}

fn certificate_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}-cert.pem"))
}

/// What makes an organization's members.
struct Maker {
    ca: Authority,
    tls_ca: Authority,
    kind: KeyKind,
    node_ous: bool,
    seed: Seed,
}

impl Maker {
    /// A node or a person: `msp` and `tls` below `folder`. Returns the certificate to sign with.
    fn member(
        &self,
        tree: &mut Tree,
        folder: &Path,
        name: &str,
        role: NodeRole,
        sans: &[String],
    ) -> Result<Vec<u8>, rcgen::Error> {
        let seed = self.seed.child(name);
        let unit = if self.node_ous { role.unit() } else { "" };
        let sign = Purpose::Sign(unit);
        let identity = self.ca.issue(name, sign, self.kind, &seed.child("sign"))?;
        let msp = folder.join("msp");
        self.definition(tree, &msp);
        tree.secret(msp.join("keystore").join("priv_sk"), identity.key_pem);
        tree.file(
            certificate_file(&msp.join("signcerts"), name),
            identity.pem.clone(),
        );
        let purpose = Purpose::Tls(sans);
        let tls = self
            .tls_ca
            .issue(name, purpose, KeyKind::Ecdsa, &seed.child("tls"))?;
        let prefix = match role {
            NodeRole::Peer | NodeRole::Orderer => "server",
            NodeRole::Client | NodeRole::Admin => "client",
        };
        let folder = folder.join("tls");
        tree.file(folder.join("ca.crt"), self.tls_ca.pem.clone());
        tree.file(folder.join(format!("{prefix}.crt")), tls.pem);
        tree.secret(folder.join(format!("{prefix}.key")), tls.key_pem);
        Ok(identity.pem)
    }

    /// The part of an MSP that all of the organization share.
    fn definition(&self, tree: &mut Tree, msp: &Path) {
        tree.folder(msp.join("admincerts"));
        for (folder, authority) in [("cacerts", &self.ca), ("tlscacerts", &self.tls_ca)] {
            let file = certificate_file(&msp.join(folder), &authority.name);
            tree.file(file, authority.pem.clone());
        }
        if self.node_ous {
            tree.file(msp.join("config.yaml"), self.config_yaml());
        }
    }

    fn config_yaml(&self) -> String {
        let mut text = "NodeOUs:\n    Enable: true\n".to_owned();
        for (key, role) in [
            ("Client", NodeRole::Client),
            ("Peer", NodeRole::Peer),
            ("Admin", NodeRole::Admin),
            ("Orderer", NodeRole::Orderer),
        ] {
            text.push_str(&format!(
                "    {key}OUIdentifier:\n        Certificate: cacerts/{}-cert.pem\n        \
                 OrganizationalUnitIdentifier: {}\n",
                self.ca.name,
                role.unit()
            ));
        }
        text
    }
}
