//! Policies as Fabric's configtx.yaml writes them: `MAJORITY Admins`, or `OR('Org1MSP.peer', ...)`.
//!
//! Fabric: `common/policies/implicitmetaparser.go`, `common/policydsl/policyparser.go`.

use heddle::proto::messages::common::ConfigPolicy;
use heddle::testing::kit::{Principal, Rule, all_of, any_of, by, implicit_policy, out_of};
use heddle::testing::kit::{SignaturePolicy, signature_policy};

/// Gates within gates.
const DEPTH_MAX: usize = 64;

pub(crate) const ALLOWED: &str = "ANY|ALL|MAJORITY and a policy's name, or AND, OR and OutOf over \
     'MSPID.ROLE' with a role of member, admin, client, peer, orderer";

/// The policy that a text says; `None` where it says none.
pub(crate) fn parse(text: &str) -> Option<ConfigPolicy> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if let [rule @ ("ANY" | "ALL" | "MAJORITY"), name] = words.as_slice() {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        return name.chars().all(legal).then(|| implicit_policy(name, rule));
    }
    let mut parser = Parser { rest: text };
    let rule = parser.rule(DEPTH_MAX)?;
    let whole = parser.skip_blanks().is_empty() && matches!(rule, Rule::OutOf(..));
    whole.then(|| signature_policy(&SignaturePolicy::from(rule)))
}

struct Parser<'t> {
    rest: &'t str,
}

impl<'t> Parser<'t> {
    fn skip_blanks(&mut self) -> &'t str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    fn take(&mut self, token: char) -> Option<()> {
        self.rest = self.skip_blanks().strip_prefix(token)?;
        Some(())
    }

    /// A principal in quotes, or a gate.
    fn rule(&mut self, depth: usize) -> Option<Rule> {
        let depth = depth.checked_sub(1)?;
        let rest = self.skip_blanks();
        if let Some(quote) = rest.chars().next().filter(|c| ['\'', '"'].contains(c)) {
            let (name, behind) = rest.get(1..)?.split_once(quote)?;
            self.rest = behind;
            return principal(name).map(by);
        }
        let end = rest.find(|c: char| !c.is_ascii_alphabetic())?;
        let (gate, behind) = rest.split_at(end);
        self.rest = behind;
        self.take('(')?;
        match gate.to_ascii_lowercase().as_str() {
            "and" => Some(all_of(self.rules(depth)?)),
            "or" => Some(any_of(self.rules(depth)?)),
            "outof" => {
                let rest = self.skip_blanks();
                let end = rest.find(|c: char| !c.is_ascii_digit())?;
                let (count, behind) = rest.split_at(end);
                self.rest = behind;
                self.take(',')?;
                let count: usize = count.parse().ok()?;
                let rules = self.rules(depth)?;
                // Fabric: at most one more than there are, which nobody can satisfy.
                let possible = count <= rules.len() + 1;
                possible.then_some(())?;
                Some(out_of(i32::try_from(count).ok()?, rules))
            }
            _ => None,
        }
    }

    /// Rules up to the closing bracket, at least one.
    fn rules(&mut self, depth: usize) -> Option<Vec<Rule>> {
        let mut rules = vec![self.rule(depth)?];
        while self.take(',').is_some() {
            rules.push(self.rule(depth)?);
        }
        self.take(')')?;
        Some(rules)
    }
}

fn principal(name: &str) -> Option<Principal> {
    let (msp_id, role) = name.rsplit_once('.')?;
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    if msp_id.is_empty() || !msp_id.chars().all(legal) {
        return None;
    }
    let msp_id = msp_id.to_owned();
    Some(match role {
        "member" => Principal::Member(msp_id),
        "admin" => Principal::Admin(msp_id),
        "client" => Principal::Client(msp_id),
        "peer" => Principal::Peer(msp_id),
        "orderer" => Principal::Orderer(msp_id),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(rule: Rule) -> Option<ConfigPolicy> {
        Some(signature_policy(&rule.into()))
    }

    fn peer(msp_id: &str) -> Rule {
        by(Principal::Peer(msp_id.to_owned()))
    }

    #[test]
    fn policies_are_read_as_configtx_yaml_has_them() {
        assert_eq!(
            parse("ANY Readers"),
            Some(implicit_policy("Readers", "ANY"))
        );
        assert_eq!(
            parse(" MAJORITY  Admins "),
            Some(implicit_policy("Admins", "MAJORITY"))
        );
        assert_eq!(parse("OR('A.peer')"), signature(any_of([peer("A")])));
        assert_eq!(
            parse("AND('A.peer', or ( \"B.x.peer\",'C.peer'))"),
            signature(all_of([peer("A"), any_of([peer("B.x"), peer("C")])]))
        );
        assert_eq!(
            parse("OutOf(2, 'A.peer', 'B.peer', 'C.peer')"),
            signature(out_of(2, [peer("A"), peer("B"), peer("C")]))
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "SOME Readers",
            "ANY Rea/ders",
            "ANY",
            "'A.peer'",
            "OR()",
            "OR('A.peer'",
            "OR('A.peer') or more",
            "OR('A.king')",
            "OR('.peer')",
            "OR('A B.peer')",
            "NOT('A.peer')",
            "OutOf('A.peer')",
            "OutOf(3, 'A.peer')",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        let deep = format!("{}'A.peer'{}", "OR(".repeat(100), ")".repeat(100));
        assert_eq!(parse(&deep), None);
    }
}
