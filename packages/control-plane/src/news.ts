// News
//
// Postgres tells every control plane of a database what changed. Whoever hears nothing for a while cannot
// tell silence from deafness: so each control plane says something to itself now and then, on every channel
// (the driver may have listened again to some of them), and listens anew, on another connection, where it
// did not hear it. What was said while nobody listened is lost: then
// `onGap` tells every subscriber to look at everything again.

import type { Sql } from './store/index.ts'

const channels = [
  'resource',
  'ledger',
  'checkpoint',
  'workflow_signal',
  'workflow_trigger',
  'workflow_watch',
  'workflow_written',
  'workflow_lifecycle',
  'workflow_ordered',
] as const
const pulse = 'pulse' // a payload that nobody else sends
const endSeconds = 1

export type Channel = (typeof channels)[number]

export interface Subscription {
  /** What was said on the channel. */
  readonly onNews: (payload: string) => void
  /** Something may have been said that was not heard. */
  readonly onGap: () => void
}

export interface News {
  /** Gives what ends the subscription. */
  readonly subscribe: (channel: Channel, subscription: Subscription) => () => void
  /** Is anything heard? Listens anew where it is not. A turn of a loop. */
  readonly check: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Listens; resolves when it does. */
export async function openNews(of: {
  readonly sql: Sql
  /** A pool of one connection that does nothing but listen. */
  readonly openListener: () => Sql
}): Promise<News> {
  const subscribers = new Map(channels.map((channel) => [channel, new Set<Subscription>()]))
  const heard = new Set<string>() // channels on which we have heard ourselves; the listener adds
  let isAsked = false // did we say something to ourselves since we listen?
  const listenAll = async () => {
    const listener = of.openListener()
    try {
      for (const [channel, all] of subscribers) {
        let isFirst = true // the driver listens again by itself on a connection that it lost
        const onListen = () => {
          if (!isFirst) for (const { onGap } of all) onGap()
          isFirst = false
        }
        const onNews = (payload: string) => {
          if (payload === pulse) return void heard.add(channel)
          for (const one of all) one.onNews(payload)
        }
        await listener.listen(channel, onNews, onListen)
      }
      return listener
    } catch (error) {
      await listener.end({ timeout: endSeconds })
      throw error
    }
  }
  let listener = await listenAll()
  return {
    subscribe: (channel, subscription) => {
      const all = subscribers.get(channel)
      all?.add(subscription)
      return () => all?.delete(subscription)
    },
    check: async () => {
      if (isAsked && heard.size < channels.length) {
        isAsked = false
        await listener.end({ timeout: endSeconds }).catch(() => {}) // it was dead already
        listener = await listenAll()
        for (const all of subscribers.values()) for (const { onGap } of all) onGap()
      }
      heard.clear() // before: what we say may be heard before we know that it was said
      const all = [...channels]
      await of.sql`select pg_notify(channel, ${pulse}) from unnest(${all}::text[]) channel`
      isAsked = true
    },
    stop: () => listener.end({ timeout: endSeconds }),
  }
}
