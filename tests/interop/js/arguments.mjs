// The command line.

import { multiaddr } from '@multiformats/multiaddr'
import { parseArgs } from 'node:util'

export const usage = `Usage: node peer.mjs --listen MULTIADDR... [--key-type TYPE] [--kad-protocol PROTOCOL [--provide KEY]... [--find KEY]...]`

const keyTypes = ['Ed25519', 'secp256k1', 'ECDSA', 'RSA']

const options = {
  listen: { type: 'string', multiple: true, default: [] },
  'key-type': { type: 'string', default: 'Ed25519' },
  'kad-protocol': { type: 'string' },
  provide: { type: 'string', multiple: true, default: [] },
  find: { type: 'string', multiple: true, default: [] }
}

// Throws an error that says what is wrong and what would be right.
export function readArguments (args) {
  const { values } = parseArgs({ args, options })
  const { listen, 'key-type': keyType, 'kad-protocol': protocol, provide, find } = values
  if (listen.length === 0) {
    throw new Error('--listen is missing, such as --listen /ip4/127.0.0.1/tcp/4001')
  }
  listen.forEach(checkAddress)
  if (!keyTypes.includes(keyType)) {
    throw new Error(`--key-type ${keyType}: it is one of ${keyTypes.join(', ')}`)
  }
  if (protocol != null && !protocol.startsWith('/')) {
    throw new Error(`--kad-protocol ${protocol}: it starts with a slash, such as /interop/kad/1.0.0`)
  }
  if (protocol == null && provide.length + find.length > 0) {
    throw new Error('--provide and --find take a DHT: say its --kad-protocol, such as /interop/kad/1.0.0')
  }
  return { listen, keyType, protocol, provide, find }
}

function checkAddress (text) {
  try {
    multiaddr(text)
  } catch (error) {
    throw new Error(`--listen ${text}: ${error.message}; right would be /ip4/127.0.0.1/tcp/4001 or /ip4/127.0.0.1/udp/4001/quic-v1`)
  }
}
