// Signing prefix
//
// What every text that anybody here signs begins with.

/** What is signed where; a prefix of its own keeps one signature from passing for another. */
export const signingPrefix = {
  assignment: 'tutti/assignment/v1\n',
  hello: 'tutti/hello/v1\n',
  welcome: 'tutti/welcome/v1\n',
  snapshot: 'tutti/snapshot/v1\n',
  serving: 'tutti/serving/v1\n',
  approval: 'tutti/approval/v1\n',
  answer: 'tutti/answer/v1\n',
  process: 'tutti/process/v1\n',
  peer: 'tutti/peer/v1\n',
  peerProof: 'tutti/peer-proof/v1\n',
  relay: 'tutti/relay/v1\n',
  relayHello: 'tutti/relay-hello/v2\n',
} as const
