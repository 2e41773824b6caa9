// A peer on js-libp2p: it listens, takes part in a DHT if told to, and prints what happens.

import './node20.mjs'

import { quic } from '@chainsafe/libp2p-quic'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { CODE_P2P } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

import { readArguments, usage } from './arguments.mjs'
import { dhtService, followDht } from './dht.mjs'
import { fail, tell } from './output.mjs'

// Less than the 2 seconds in which the program is to end.
const STOP_LIMIT_MS = 1500
// The default of 5 resets whoever asks for who lives here a few times in a row.
const CONNECTIONS_PER_SECOND_AND_HOST = 100

const wanted = wantedOrEnd()
let node
process.once('SIGTERM', stop)
process.once('SIGINT', stop)
node = await startedOrEnd()
followConnections()
for (const address of node.getMultiaddrs()) {
  tell('listening', { peer: node.peerId.toString(), address: address.decapsulateCode(CODE_P2P).toString() })
}
if (wanted.protocol != null) {
  followDht(node.services.dht, wanted)
}

function wantedOrEnd () {
  try {
    return readArguments(process.argv.slice(2))
  } catch (error) {
    fail(2, `${error.message}\n${usage}`)
  }
}

async function startedOrEnd () {
  try {
    return await createLibp2p({
      privateKey: await generateKeyPair(wanted.keyType),
      addresses: { listen: wanted.listen },
      transports: [tcp(), quic()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionManager: { inboundConnectionThreshold: CONNECTIONS_PER_SECOND_AND_HOST },
      services: {
        identify: identify(),
        ping: ping(),
        ...(wanted.protocol != null && { dht: dhtService(wanted.protocol) })
      }
    })
  } catch (error) {
    fail(1, `cannot listen on ${wanted.listen.join(' and ')}: ${error.message}`)
  }
}

function followConnections () {
  node.addEventListener('peer:connect', ({ detail }) => tell('connected', { peer: detail.toString() }))
  node.addEventListener('peer:disconnect', ({ detail }) => tell('disconnected', { peer: detail.toString() }))
}

async function stop () {
  setTimeout(() => process.exit(0), STOP_LIMIT_MS)
  await node?.stop()
  process.exit(0)
}
