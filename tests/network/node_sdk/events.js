// Prints the blocks of a channel, read by Fabric's own client, as `heddle ledger export --codes` does:
//
//     node events.js blocks|filtered|private CHANNEL CHECKPOINT LAST
//
// From where the file CHECKPOINT says, or from block 0, to block LAST, which it waits for. Fabric's
// variables CORE_PEER_* say whom to ask, and as whom. Filtered blocks have no hashes to print.
'use strict';

const { createHash, createPrivateKey } = require('node:crypto');
const { readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');
const grpc = require('@grpc/grpc-js');
const { checkpointers, connect, hash, signers } = require('@hyperledger/fabric-gateway');
const { common, peer } = require('@hyperledger/fabric-protos');

const WAIT_MS_MAX = 60_000;

const { TRANSACTIONS_FILTER, COMMIT_HASH } = common.BlockMetadataIndex;
const CODES = Object.entries(peer.TxValidationCode);

// How each form of a block is asked for, and which lines it has.
const FORMS = {
  blocks: ['getBlockEvents', linesOfBlock],
  filtered: ['getFilteredBlockEvents', linesOfFilteredBlock],
  private: ['getBlockAndPrivateDataEvents', (event) => linesOfBlock(event.getBlock())],
};

async function main(form, channel, checkpoint, last) {
  const variables = process.env;
  const root = readFileSync(variables.CORE_PEER_TLS_ROOTCERT_FILE);
  const tls = grpc.credentials.createSsl(root);
  const client = new grpc.Client(variables.CORE_PEER_ADDRESS, tls, {
    'grpc.ssl_target_name_override': variables.CORE_PEER_TLS_SERVERHOSTOVERRIDE,
    'grpc.enable_http_proxy': 0,
  });
  const msp = variables.CORE_PEER_MSPCONFIGPATH;
  const options = () => ({ deadline: Date.now() + WAIT_MS_MAX });
  const gateway = connect({
    client,
    identity: { mspId: variables.CORE_PEER_LOCALMSPID, credentials: file(msp, 'signcerts') },
    signer: signers.newPrivateKeySigner(createPrivateKey(file(msp, 'keystore'))),
    hash: hash.sha256,
    blockEventsOptions: options,
    filteredBlockEventsOptions: options,
    blockAndPrivateDataEventsOptions: options,
  });
  const [getEvents, linesOf] = FORMS[form];
  const checkpointer = await checkpointers.file(checkpoint);
  const from = { checkpoint: checkpointer, startBlock: 0n };
  const events = await gateway.getNetwork(channel)[getEvents](from);
  try {
    for await (const event of events) {
      const lines = linesOf(event);
      process.stdout.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      const { block } = lines[0];
      await checkpointer.checkpointBlock(BigInt(block));
      if (block >= Number(last)) {
        break;
      }
    }
  } finally {
    events.close();
    gateway.close();
    client.close();
  }
}

// The only file of a folder.
function file(...folder) {
  const [name] = readdirSync(join(...folder));
  return readFileSync(join(...folder, name));
}

function linesOfBlock(block) {
  const header = block.getHeader();
  const number = header.getNumber();
  const data = block.getData().getDataList_asU8();
  if (!Buffer.from(header.getDataHash_asU8()).equals(sha256(...data))) {
    throw new Error(`block ${number}: the header has another hash of the data`);
  }
  const slots = block.getMetadata().getMetadataList_asU8();
  const lines = data.map((bytes, tx) => {
    const envelope = common.Envelope.deserializeBinary(bytes);
    const payload = common.Payload.deserializeBinary(envelope.getPayload_asU8());
    const channelHeader = payload.getHeader().getChannelHeader_asU8();
    const { txId, type } = common.ChannelHeader.deserializeBinary(channelHeader).toObject();
    return lineOf(number, tx, txId, type, slots[TRANSACTIONS_FILTER][tx]);
  });
  const commitHash = common.Metadata.deserializeBinary(slots[COMMIT_HASH] ?? []).getValue_asU8();
  const hashes = { header_hash: hex(headerHash(header)), commit_hash: hex(commitHash) };
  return [...lines, { block: number, ...hashes }];
}

function linesOfFilteredBlock(block) {
  const { number, filteredTransactionsList: transactions } = block.toObject();
  return transactions.map(({ txid, type, txValidationCode }, tx) =>
    lineOf(number, tx, txid, type, txValidationCode),
  );
}

function lineOf(block, tx, txid, type, code) {
  const [name] = CODES.find(([, number]) => number === code);
  return { block, tx, txid, type, code, code_name: name };
}

// Of the header in DER: a sequence of its number and two hashes.
function headerHash(header) {
  const number = header.getNumber();
  // So long that it does not look negative.
  const bytes = Math.floor(number.toString(2).length / 8) + 1;
  const integer = Buffer.from(number.toString(16).padStart(2 * bytes, '0'), 'hex');
  const hashes = [header.getPreviousHash_asU8(), header.getDataHash_asU8()];
  const parts = [der(0x02, integer), ...hashes.map((bytes) => der(0x04, bytes))];
  return sha256(der(0x30, Buffer.concat(parts)));
}

// For content of less than 128 bytes.
function der(tag, content) {
  return Buffer.concat([Buffer.from([tag, content.length]), content]);
}

function sha256(...parts) {
  const digest = createHash('sha256');
  parts.forEach((part) => digest.update(part));
  return digest.digest();
}

function hex(bytes) {
  return Buffer.from(bytes).toString('hex');
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
