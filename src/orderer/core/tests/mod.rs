//! Rules one by one; whole runs are in `sim`.

mod sim;

use std::time::Duration;

use super::{Action, Content, Core, CoreOptions, Endpoint, StreamId, Trouble};
use crate::sys::clock::Instant;
use crate::types::BlockNumber;

fn options() -> CoreOptions {
    CoreOptions {
        retry_wait_min: Duration::from_millis(100),
        retry_wait_max: Duration::from_secs(10),
        connect_wait: Duration::from_secs(3),
        withheld_wait: Duration::from_secs(30),
        penalty: Duration::from_secs(60),
    }
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1000)
}

fn endpoints(names: &[&str]) -> Vec<Endpoint> {
    let endpoint = |name: &&str| Endpoint {
        address: (*name).to_owned(),
        tls_roots: Vec::new(),
        vouched_by: String::new(),
    };
    names.iter().map(endpoint).collect()
}

fn broken() -> Trouble {
    Trouble::Broken {
        reason: "gone".to_owned(),
    }
}

fn forged(core: &Core) -> Trouble {
    Trouble::BadBlock {
        number: core.next(),
        problem: "forged".to_owned(),
    }
}

/// What the core asks for, in short.
fn actions(core: &mut Core) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(action) = core.next_action() {
        told.push(match action {
            Action::Open {
                stream,
                endpoint,
                from,
                content,
            } => {
                let address = &endpoint.address;
                format!("open {} {content:?} {address} from {from}", stream.0)
            }
            Action::Close { stream } => format!("close {}", stream.0),
            Action::Continue { stream } => format!("continue {}", stream.0),
            Action::Prove { stream } => format!("prove {}", stream.0),
        });
    }
    told
}

fn core(names: &[&str], bft: bool) -> Core {
    let mut core = Core::new(BlockNumber(7), options(), 1);
    core.set_endpoints(at(0), &endpoints(names), bft);
    core
}

/// The stream of blocks that was opened last, and with whom.
fn opened(core: &mut Core) -> (StreamId, String) {
    let mut opened = None;
    while let Some(action) = core.next_action() {
        if let Action::Open {
            stream,
            endpoint,
            content: Content::Blocks,
            ..
        } = action
        {
            opened = Some((stream, endpoint.address.clone()));
        }
    }
    opened.unwrap()
}

#[test]
fn the_only_orderer_is_tried_again_after_growing_waits() {
    let mut core = core(&["a"], false);
    assert_eq!(actions(&mut core), ["open 1 Blocks a from 7"]);
    let mut now = 0;
    for (stream, wait) in [(1, 120_000), (2, 144_000), (3, 172_800), (4, 207_360)] {
        core.failed(at(now), StreamId(stream), broken());
        let due = Instant::from_micros(now * 1000 + wait);
        assert_eq!(core.wake_at(), Some(due));
        assert_eq!(actions(&mut core), [format!("close {stream}")]);
        now += wait / 1000 + 1;
        core.tick(at(now));
        let next = stream + 1;
        assert_eq!(
            actions(&mut core),
            [format!("open {next} Blocks a from 7")],
            "after {wait}"
        );
    }
    for stream in 5..60 {
        core.failed(at(now), StreamId(stream), broken());
        now += 10_000;
        core.tick(at(now));
    }
    core.failed(at(now), StreamId(60), broken());
    assert_eq!(core.wake_at(), Some(at(now + 10_000)), "never longer");
    now += 10_000;
    core.tick(at(now));
    core.accepted(at(now), StreamId(61));
    core.failed(at(now), StreamId(61), broken());
    assert_eq!(core.wake_at(), Some(at(now + 120)), "a block is a success");
    actions(&mut core);
    core.tick(at(now + 120));
    assert_eq!(actions(&mut core), ["open 62 Blocks a from 8"]);
}

#[test]
fn every_orderer_has_its_turn_and_the_state_tells() {
    let mut core = core(&["a", "b", "c"], false);
    let (mut now, mut asked) = (0, Vec::new());
    for _ in 0..3 {
        assert_eq!(core.state().problem(), None);
        let (stream, address) = opened(&mut core);
        asked.push(address);
        core.failed(at(now), stream, broken());
        now += 10_000;
        core.tick(at(now));
    }
    asked.sort();
    assert_eq!(asked, ["a", "b", "c"]);
    let problem = core.state().problem().unwrap();
    let expected = "none of the 3 orderers gives block 7 after 3 attempts; ";
    assert!(problem.starts_with(expected), "{problem}");
    assert!(problem.contains("b: the stream broke: gone"), "{problem}");
    let (stream, _) = opened(&mut core);
    core.accepted(at(now), stream);
    assert_eq!(core.state().problem(), None);
}

#[test]
fn who_does_not_answer_is_given_up() {
    let mut core = core(&["a"], false);
    assert_eq!(core.wake_at(), Some(at(3000)));
    core.tick(at(2999));
    assert_eq!(actions(&mut core), ["open 1 Blocks a from 7"]);
    core.tick(at(3000));
    assert_eq!(actions(&mut core), ["close 1"]);
    core.tick(at(3120));
    actions(&mut core);
    core.connected(at(3200), StreamId(2));
    assert!(!core.state().settled, "it may be refused yet");
    assert_eq!(core.wake_at(), Some(at(5200)));
    core.tick(at(5200));
    assert!(core.state().settled);
    assert_eq!(core.state().problem(), None);
    assert_eq!(core.wake_at(), None, "an idle channel is no failure");
    core.connected(at(3201), StreamId(1));
    core.failed(at(3202), StreamId(1), broken());
    assert_eq!(actions(&mut core), [""; 0], "of a stream that was closed");
}

#[test]
fn a_liar_comes_behind_those_who_only_fail() {
    let mut core = core(&["a", "b"], false);
    let (stream, liar) = opened(&mut core);
    let trouble = forged(&core);
    core.misbehaved(at(0), stream, trouble);
    let mut now = 0;
    let mut asked = Vec::new();
    for _ in 0..5 {
        now += 1000;
        core.tick(at(now));
        let (stream, address) = opened(&mut core);
        asked.push(address == liar);
        core.failed(at(now), stream, broken());
    }
    // It failed once, and counts as if three times more.
    assert_eq!(asked, [false, false, false, false, true]);
    // A good block of the other settles nothing for it, but time does.
    core.tick(at(59_000));
    let (stream, address) = opened(&mut core);
    assert_ne!(address, liar);
    core.accepted(at(59_000), stream);
    let state = core.state();
    let held = state.sources.iter().find(|source| source.address == liar);
    let held = held.unwrap();
    assert_eq!(held.offences, 1);
    assert_eq!(held.penalised_until, Some(at(60_000)));
    core.failed(at(60_000), stream, broken());
    core.tick(at(61_000));
    assert_eq!(opened(&mut core).1, liar);
    let trouble = forged(&core);
    core.misbehaved(at(61_000), StreamId(8), trouble);
    let state = core.state();
    let held = state.sources.iter().find(|source| source.address == liar);
    let until = held.unwrap().penalised_until;
    assert_eq!(until, Some(at(181_000)), "longer");
}

#[test]
fn streams_outlive_changes_that_do_not_concern_them() {
    let mut core = core(&["a"], false);
    actions(&mut core);
    core.set_endpoints(at(1), &endpoints(&["b", "a", "c", "a"]), false);
    assert_eq!(actions(&mut core), [""; 0]);
    assert_eq!(core.state().sources.len(), 3);
    core.set_endpoints(at(2), &endpoints(&["c"]), false);
    assert_eq!(actions(&mut core), ["close 1", "open 2 Blocks c from 7"]);
    let mut other_roots = endpoints(&["c"]);
    other_roots[0].tls_roots.push(b"root".to_vec());
    core.set_endpoints(at(3), &other_roots, false);
    assert_eq!(actions(&mut core), ["close 2", "open 3 Blocks c from 7"]);
    core.set_endpoints(at(4), &[], false);
    assert_eq!(actions(&mut core), ["close 3"]);
    let problem = core.state().problem();
    assert!(problem.unwrap().contains("names no orderer"));
    assert_eq!(core.wake_at(), None);
}

#[test]
fn a_withheld_block_is_proved_and_costs_the_source_its_place() {
    let mut core = core(&["a", "b"], true);
    let opens = actions(&mut core);
    assert_eq!(opens.len(), 2, "{opens:?}");
    assert!(opens[0].starts_with("open 1 Blocks"), "{opens:?}");
    assert!(opens[1].starts_with("open 2 Headers"), "{opens:?}");
    core.connected(at(1), StreamId(1));
    core.connected(at(1), StreamId(2));
    core.claimed(at(1000), StreamId(2), BlockNumber(7));
    core.accepted(at(2000), StreamId(1));
    assert_eq!(actions(&mut core), ["continue 2"]);
    core.claimed(at(3000), StreamId(2), BlockNumber(8));
    assert_eq!(core.wake_at(), Some(at(18_000)));
    core.tick(at(17_999));
    assert_eq!(actions(&mut core), [""; 0]);
    core.tick(at(18_000));
    assert_eq!(actions(&mut core), ["prove 2"]);
    core.tick(at(40_000));
    assert_eq!(actions(&mut core), [""; 0], "nothing is proved yet");
    core.proved(at(41_000), StreamId(2));
    assert_eq!(actions(&mut core), ["close 1"]);
    let state = core.state();
    let withheld = state.sources.iter().find(|source| source.offences == 1);
    let (_, trouble) = withheld.unwrap().trouble.clone().unwrap();
    assert!(trouble.contains("withholds block 8"), "{trouble}");
    core.tick(at(41_120));
    let opens = actions(&mut core);
    assert_eq!(opens.len(), 3, "{opens:?}");
    assert_eq!(opens[0], "close 2");
    assert!(opens[1].starts_with("open 3 Blocks"), "{opens:?}");
    assert!(opens[2].starts_with("open 4 Headers"), "{opens:?}");
}

#[test]
fn a_new_source_has_time_to_send_what_the_last_one_withheld() {
    let mut core = core(&["a", "b", "c"], true);
    actions(&mut core);
    for stream in [1, 2, 3] {
        core.connected(at(1), StreamId(stream));
    }
    core.claimed(at(1000), StreamId(2), BlockNumber(7));
    core.claimed(at(1000), StreamId(3), BlockNumber(7));
    core.tick(at(16_000));
    core.proved(at(16_001), StreamId(2));
    core.proved(at(16_001), StreamId(3));
    actions(&mut core);
    core.tick(at(31_000));
    assert_eq!(actions(&mut core), ["close 1"]);
    core.tick(at(31_120));
    let (stream, _) = opened(&mut core);
    core.connected(at(31_200), stream);
    core.tick(at(61_119));
    assert_eq!(core.content(stream), Some(Content::Blocks));
    core.tick(at(61_120));
    assert_eq!(core.content(stream), None);
}

#[test]
fn headers_that_are_no_proof_are_an_offence() {
    let mut core = core(&["a", "b"], true);
    actions(&mut core);
    core.connected(at(1), StreamId(1));
    core.connected(at(1), StreamId(2));
    core.claimed(at(2), StreamId(2), BlockNumber(9));
    assert_eq!(actions(&mut core), ["close 2"]);
    assert_eq!(core.content(StreamId(1)), Some(Content::Blocks));
    assert_eq!(
        core.wake_at(),
        Some(at(2001)),
        "the stream of blocks settles"
    );
    core.tick(at(2001));
    assert_eq!(
        core.wake_at(),
        Some(at(60_002)),
        "not before the penalty ends"
    );
    core.set_endpoints(at(3), &endpoints(&["a", "b"]), false);
    core.tick(at(100_000));
    assert_eq!(
        actions(&mut core),
        [""; 0],
        "only BFT channels have headers"
    );
}

#[test]
fn a_block_refused_late_is_asked_for_again() {
    let mut core = core(&["a", "b"], true);
    let (stream, address) = opened(&mut core);
    core.connected(at(1), stream);
    for _ in 0..3 {
        core.accepted(at(2), stream);
    }
    let trouble = forged(&core);
    core.rewind(at(3), BlockNumber(8), Some((&address, trouble)));
    assert_eq!(actions(&mut core), ["close 1", "close 2"]);
    core.tick(at(200));
    let told = actions(&mut core);
    assert!(
        told[0].contains("Blocks") && told[0].ends_with("from 8"),
        "{told:?}"
    );
    assert!(!told[0].contains(&format!(" {address} ")), "{told:?}");
}
