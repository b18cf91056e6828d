//! The text that people read.

use super::*;
use crate::testing::kit::all_of;

#[test]
fn hostile_names_stay_in_their_line() {
    let mut play = channel(1, peer("Org1"));
    let org = play.network.orgs[0].clone();
    let odd = "\u{1b}[31m\nTransaction 0 of block 0 is valid \u{7f}\u{202e}\u{e9}\"\\";
    let long = "x".repeat(100_000);
    let named = org.organization.enroll_with(odd, &["client"], |_| {});
    let stranger = Identity::new(odd, b"x", Arc::clone(org.client.signer()));
    let tx = |key: &str| play.tx("cc", [ns("cc").read(key, (9, 9))]);
    let block = [
        tx(odd).with(|tx| tx.creator = &named).envelope(),
        tx(&long).envelope(),
        tx("k").with(|tx| tx.creator = &stranger).envelope(),
        tx("k").with(|tx| tx.channel = odd.to_owned()).envelope(),
        play.tx(odd, [ns(odd).write("k", "1")]).envelope(),
        tx("k").with(|tx| tx.id = Some(odd.to_owned())).envelope(),
        tx("k").endorsed_by([&stranger]).envelope(),
    ];
    play.commit(block).unwrap();
    for found in explained(&play) {
        let text = found.to_string();
        let answers = text.lines().filter(|line| line.starts_with("Transaction"));
        assert_eq!(answers.count(), 1, "{text}");
        assert!(text.len() < 10_000, "{text}");
    }
    let first = explained(&play)[0].to_string();
    assert!(first.contains(r"\x1b[31m\x0aTransaction"), "{first}");
    assert!(first.contains(r#"\x7f\u{202e}\u{e9}\"\\"#), "{first}");
}

#[test]
fn many_endorsements_and_clauses_are_bounded() {
    let mut play = channel(1, all_of((0..900).map(|_| peer("Org1"))));
    let org = play.network.orgs[0].organization.clone();
    let peers: Vec<_> = (0..150)
        .map(|number| {
            org.enroll(
                &format!("peer{number}"),
                crate::testing::kit::NodeRole::Peer,
            )
        })
        .collect();
    let envelope = write(&play).endorsed_by(&peers).envelope();
    play.commit([envelope]).unwrap();
    let text = explained(&play)[0].to_string();
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("There is no endorsement by another peer of Org1MSP."),
        "{text}"
    );
    assert!(text.contains("  and 50 more\n"), "{text}");
    assert!(text.contains("  and 801 clauses more\n"), "{text}");
    assert!(text.lines().count() < 400, "{}", text.lines().count());
}
