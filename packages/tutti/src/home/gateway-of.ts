// Gateway of
//
// Which gateway a command asks, and as whom: one that stands alone needs no control plane to be asked.

import { Failure } from '../failure.ts'
import { type HomeOptions, loadContext } from './home.ts'

export interface GatewayOptions extends HomeOptions {
  readonly gateway?: string | undefined
}

/** `--gateway` or the one of `tutti up`; throws `tutti/no-context` where none is known. */
export function gatewayOf(options: GatewayOptions): {
  readonly key: string
  readonly gateway: string
} {
  const key = options.key ?? process.env['TUTTI_KEY']
  const isAlone = options.gateway !== undefined && key !== undefined
  const known = isAlone ? { key, gateway: options.gateway } : loadContext(options)
  const gateway = (options.gateway ?? known.gateway ?? '').replace(/\/$/, '')
  if (gateway !== '') return { key: known.key, gateway }
  const hint = 'give it with --gateway, or run tutti up on this machine'
  throw new Failure('tutti/no-context', `no gateway is known here: ${hint}`)
}

/** For one that nobody answers at. */
export function gatewayAway(gateway: string, cause: unknown): Failure {
  const hint = 'is it up, and is the URL right (--gateway)?'
  return new Failure('tutti/gateway-away', `no gateway answers at ${gateway}: ${hint}`, cause)
}
