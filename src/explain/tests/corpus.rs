//! Every transaction of the corpora, and the whole text of some of their explanations.

use std::collections::BTreeMap;

use super::*;

const CORPORA: [&str; 5] = [
    "real-cars",
    "crafted-basic",
    "crafted-keylevel",
    "crafted-ed25519",
    "crafted-config",
];

#[test]
fn every_verdict_has_its_reason() {
    let mut kinds: BTreeMap<(u8, String), usize> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut read = 0;
    for corpus in CORPORA {
        TestLedger::of_corpus(corpus).explain_all(|explanation| {
            let json = check_forms(explanation);
            let kind = json["reason"]["kind"].as_str().unwrap().to_owned();
            let code = explanation.code.number();
            if kind == "inconsistent" || (kind == "valid") != explanation.code.is_valid() {
                problems.push(format!("{corpus}: {json}"));
            }
            *kinds.entry((code, kind)).or_default() += 1;
            let (block, tx) = (explanation.block, explanation.tx);
            let texts = TEXTS
                .iter()
                .filter(|text| (text.0, text.1, text.2) == (corpus, block, tx));
            for (_, _, _, text) in texts {
                assert_eq!(&explanation.to_string(), text);
                read += 1;
            }
        });
    }
    let first = &problems[..problems.len().min(5)];
    assert!(
        problems.is_empty(),
        "{} {kinds:?} {first:#?}",
        problems.len()
    );
    assert_eq!(read, TEXTS.len());
    assert_eq!(kinds.values().sum::<usize>(), 4_196);
    assert_eq!(kinds.len(), 22, "{kinds:?}");
}

/// Corpus, block, transaction, and the text.
const TEXTS: [(&str, u64, u32, &str); 5] = [
    (
        "crafted-basic",
        15,
        0,
        r#"Transaction 0 of block 15 was refused: MVCC_READ_CONFLICT (11). It read key "m1-stale" of chaincode
"ccor" at version block 13 tx 0, but when it was validated the key had version block 14 tx 0,
written by transaction 0 of block 14
(39d41112d69ff491989fbb49be5154c67eaa2d5f45f5e54aafc3cab61f2f464e).

expected      version block 13 tx 0, as it was read
found         version block 14 tx 0, when it was validated
what to do    Nothing is wrong with the transaction itself: what it had read was out of date when
              its turn came. A version is the block and the transaction that wrote a value. Have it
              endorsed again on the current state and submit it as a new transaction; that may be
              done automatically. If it happens often, let fewer transactions change the same key at
              the same time.

transaction   f8147c9291f846774b39a7af921df816164989ae4500f7fb36abd94500a493c6, number 0 of block 15
              of channel basic (counted from 0)
submitted by  Org1MSP, "User3@org1.example.com" (OU client)
invokes       chaincode "ccor", version "1.0"

endorsements: 2
    1  Org1MSP, "peer2.org1.example.com" (OU peer)  good signature, counted as a peer of Org1MSP
    2  Org2MSP, "peer1.org2.example.com" (OU peer)  good signature, counted as a peer of Org2MSP

endorsement policy of chaincode "ccor" (from its definition): met
  met         one of 3 clauses: 2 met
  met           an endorsement by a peer of Org1MSP: endorsement 1
  met           an endorsement by a peer of Org2MSP: endorsement 2
  not needed    an endorsement by a peer of Org3MSP: there is none
"#,
    ),
    (
        "crafted-basic",
        15,
        16,
        r#"Transaction 16 of block 15 was refused: ENDORSEMENT_POLICY_FAILURE (10). The endorsement policy of
chaincode "ccand" is not met: it needs endorsements by a peer of Org1MSP, a peer of Org2MSP and a
peer of Org3MSP, and has 2 of them. There is no endorsement by a peer of Org3MSP.

expected      endorsements by a peer of Org1MSP, a peer of Org2MSP and a peer of Org3MSP, to change
              chaincode "ccand"
found         2 of them
what to do    The transaction was sent to the orderer with too few endorsements that count. Have it
              endorsed by a peer of Org3MSP too (in the gateway or SDK: name the organization among
              the endorsing organizations), and submit it as a new transaction.

transaction   706cd53fbf55d6119878dacbb2dfa364f3b1af99eed9c8bd7d35a695671da7e7, number 16 of block
              15 of channel basic (counted from 0)
submitted by  Org1MSP, "User3@org1.example.com" (OU client)
invokes       chaincode "ccand", version "1.0"

endorsements: 2
    1  Org1MSP, "peer1.org1.example.com" (OU peer)  good signature, counted as a peer of Org1MSP
    2  Org2MSP, "peer1.org2.example.com" (OU peer)  good signature, counted as a peer of Org2MSP

endorsement policy of chaincode "ccand" (from its definition): NOT MET
  NOT MET     all 3 clauses: 2 met
  met           an endorsement by a peer of Org1MSP: endorsement 1
  met           an endorsement by a peer of Org2MSP: endorsement 2
  NOT MET       an endorsement by a peer of Org3MSP: there is none

endorsement policy of chaincode "ccor" (from its definition): met
  met         one of 3 clauses: 2 met
  met           an endorsement by a peer of Org1MSP: endorsement 1
  met           an endorsement by a peer of Org2MSP: endorsement 2
  not needed    an endorsement by a peer of Org3MSP: there is none
"#,
    ),
    (
        "crafted-basic",
        35,
        4,
        r#"Transaction 4 of block 35 was refused: BAD_CREATOR_SIGNATURE (4). The signature of who submitted it
is not good: the signature does not verify: other bytes were signed, or with another key.

what to do    The transaction was changed after it was signed, or was signed with a key that does
              not belong to the certificate: check the client's key and certificate.

transaction   b6e4d5c1e209d8178385ac1b90e2375b0d93a450a63707348971eff82a065625, number 4 of block 35
              of channel basic (counted from 0)
submitted by  Org1MSP, "User1@org1.example.com" (OU client)
invokes       chaincode "ccor", version "1.0"
"#,
    ),
    (
        "crafted-basic",
        41,
        1,
        r#"Transaction 1 of block 41 was refused: DUPLICATE_TXID (9). A transaction with the same id was there
before: transaction 0 of the same block.

what to do    Usually a client sent the same envelope twice, after a timeout for instance. The
              earlier transaction stands; look up its verdict before sending anything again, and
              give a new attempt a new nonce.

transaction   d5adc641db1712abb2153b36bd5a04b0e8e7d26aa7fbb08ab3e5fd7b19b3daec, number 1 of block 41
              of channel basic (counted from 0)
submitted by  Org1MSP, "User1@org1.example.com" (OU client)
invokes       chaincode "ccor", version "1.0"

endorsements: 1
    1  Org1MSP, "peer2.org1.example.com" (OU peer)  good signature, counted as a peer of Org1MSP

endorsement policy of chaincode "ccor" (from its definition): met
  met         one of 3 clauses: 1 met
  met           an endorsement by a peer of Org1MSP: endorsement 1
  not needed    an endorsement by a peer of Org2MSP: there is none
  not needed    an endorsement by a peer of Org3MSP: there is none
"#,
    ),
    (
        "real-cars",
        200,
        9,
        r#"Transaction 9 of block 200 was refused: ENDORSEMENT_POLICY_FAILURE (10). The endorsement policy of
chaincode "cars" is not met: it needs endorsements by a majority (2) of 3 organizations, as the
policy "Endorsement" of each demands, and has 1 of them. There is no endorsement by a peer of
CecilMSP or a peer of RegalMSP.

expected      endorsements by a majority (2) of 3 organizations, as the policy "Endorsement" of each
              demands, to change chaincode "cars"
found         1 of them
what to do    The transaction was sent to the orderer with too few endorsements that count. Have it
              endorsed by a peer of CecilMSP or a peer of RegalMSP too (in the gateway or SDK: name
              the organization among the endorsing organizations), and submit it as a new
              transaction.

transaction   6713d475a175c38de31c3c829c8c38ac64047ec4c4df78c5f7b8536b5ebcb1dd, number 9 of block
              200 of channel cars (counted from 0)
submitted by  CecilMSP, "User2@cecil.drivenet.test" (OU client)
invokes       chaincode "cars", version "1.0"

endorsements: 1
    1  MitchellMSP, "peer1.mitchell.drivenet.test" (OU peer)  good signature, counted as a peer of
           MitchellMSP

endorsement policy of chaincode "cars" (/Channel/Application/Endorsement of the channel
  configuration): NOT MET
  NOT MET     endorsements by a majority (2) of 3 organizations, as the policy "Endorsement" of each
                demands: 1 met
  NOT MET       CecilMSP: an endorsement by a peer of CecilMSP: there is none
  met           MitchellMSP: an endorsement by a peer of MitchellMSP: endorsement 1
  NOT MET       RegalMSP: an endorsement by a peer of RegalMSP: there is none
"#,
    ),
];
