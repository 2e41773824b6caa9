// The DHT: how it is set up, and what it is asked again and again.

import { kadDHT } from '@libp2p/kad-dht'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { setTimeout as sleep } from 'node:timers/promises'

import { tell } from './output.mjs'

const PAUSE_MS = 1000
const POLL_MS = 500
const QUERY_LIMIT_MS = 10_000

export function dhtService (protocol) {
  return kadDHT({
    protocol,
    clientMode: false,
    // By default private addresses are left out, and a peer without others is not entered.
    peerInfoMapper: peer => peer
  })
}

// Goes on until the process ends.
export function followDht (dht, { provide, find }) {
  tellSize(dht)
  provide.forEach(key => provideKey(dht, key))
  find.forEach(key => findKey(dht, key))
}

function tellSize (dht) {
  let last
  setInterval(() => {
    const peers = dht.routingTable.size
    if (peers !== last) {
      tell('kad', { peers })
      last = peers
    }
  }, POLL_MS)
}

async function provideKey (dht, key) {
  const cid = await contentId(key)
  while (!await attempt(`provide ${key}`, () => provideOnce(dht, cid))) {
    await sleep(PAUSE_MS)
  }
  tell('provided', { key })
}

// Whether a peer took the record. It is never acknowledged: that it was written is all that is known.
async function provideOnce (dht, cid) {
  let taken = false
  for await (const event of dht.provide(cid, { signal: AbortSignal.timeout(QUERY_LIMIT_MS) })) {
    taken ||= event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER'
  }
  return taken
}

async function findKey (dht, key) {
  const cid = await contentId(key)
  const providers = new Set()
  for (;;) {
    await attempt(`find ${key}`, () => findOnce(dht, cid, peer => {
      if (!providers.has(peer)) {
        providers.add(peer)
        tell('found', { key, providers: [...providers].sort() })
      }
    }))
    await sleep(PAUSE_MS)
  }
}

async function findOnce (dht, cid, found) {
  for await (const event of dht.findProviders(cid, { signal: AbortSignal.timeout(QUERY_LIMIT_MS) })) {
    if (event.name === 'PROVIDER') {
      event.providers.forEach(({ id }) => found(id.toString()))
    }
  }
}

// A query that fails is told on stderr, and asked again: nobody may be there yet.
async function attempt (what, query) {
  try {
    return await query()
  } catch (error) {
    process.stderr.write(`${what}: ${error.message}\n`)
  }
}

async function contentId (key) {
  return CID.createV1(raw.code, await sha256.digest(new TextEncoder().encode(key)))
}
