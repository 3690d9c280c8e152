// Bench: distribution
//
// Claim: 50 nodes of a site pull a model of 100 MB with at most 1.5 copies of it over the site's uplink, also
// where a fifth of them is killed in the middle. The peer, in the same run: the same nodes, every one of them
// pulling from the origin. Nodes, control plane and files are real; the uplink is a counted, rate-limited
// proxy on loopback.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PlaneClient, publisherPem } from './plane-client.ts'
import { startPlane } from './plane-process.ts'
import { report, round } from './report.ts'
import { type SiteProcess, startSite } from './site-process.ts'
import { openUplink, type Uplink } from './uplink.ts'

const processes = 5
const nodesEach = Number(process.env['TUTTI_BENCH_NODES'] ?? 50) / processes
const weightBytes = 100_000_000
const uplinkBytesPerSecond = 100_000_000
const copiesMax = 1.5
const waitMsMax = 600_000

interface Measured {
  readonly how: string
  readonly copies: number
  readonly seconds: number
}

export async function distribution(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-distribution-'))
  const plane = await startPlane({
    ...{ dataFolder: join(folder, 'plane'), port: 0, publisher: publisherPem },
  })
  const uplink = await openUplink(plane.url, uplinkBytesPerSecond)
  const client = new PlaneClient(plane.url, plane.admin ?? '')
  const bed = { folder, client, uplink }
  try {
    const shared = await withSite(
      bed,
      { name: 'shared', shareBytesPerSecond: 1e9 },
      async (site) => [
        await pull(bed, site, { version: 'v1', how: 'from the site' }),
        await pull(bed, site, { version: 'v2', how: 'a fifth killed midway', isKilling: true }),
      ],
    )
    const alone = await withSite(bed, { name: 'alone', shareBytesPerSecond: 0 }, async (site) => [
      await pull(bed, site, { version: 'v3', how: 'each from the origin' }),
    ])
    tell(shared, alone)
  } finally {
    await uplink.stop()
    await plane.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Bed {
  readonly folder: string
  readonly client: PlaneClient
  readonly uplink: Uplink
}

/** Does something with the nodes of a site, which are gone afterwards. */
async function withSite(
  bed: Bed,
  { name, shareBytesPerSecond }: { name: string; shareBytesPerSecond: number },
  act: (site: SiteProcess[]) => Promise<Measured[]>,
): Promise<Measured[]> {
  const site: SiteProcess[] = []
  const folder = join(bed.folder, name)
  try {
    for (let i = 0; i < processes; i++) {
      const tokens: string[] = []
      for (let n = 0; n < nodesEach; n++) {
        const made = (await bed.client.call('POST', '/tokens', { labels: { site: name } })) as {
          token: string
        }
        tokens.push(made.token)
      }
      const prefix = `${name}-${i}-`
      const { url } = bed.uplink
      site.push(await startSite({ folder, prefix, tokens, shareBytesPerSecond, url }))
    }
    return await act(site)
  } finally {
    for (const one of site) await one.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Deploys a new model to a whole site at once, and waits until every live node has it. */
async function pull(
  { client, uplink }: Bed,
  site: SiteProcess[],
  of: { readonly version: string; readonly how: string; readonly isKilling?: boolean },
): Promise<Measured> {
  const { version, how } = of
  await client.pushHeavyModel('heavy', version, randomBytes(weightBytes))
  const canary = { perStratum: 100 } // all of them begin at once
  const strategy = { canary, waves: [1], maxUnavailable: 1, soakMs: 0 }
  uplink.reset()
  const startMs = performance.now()
  await client.apply('Deployment', 'heavy', { model: `heavy:${version}`, strategy })
  if (of.isKilling === true) {
    await until(() => uplink.bytes() > weightBytes / 2)
    await site.pop()?.kill()
  }
  await until(() => site.every((one) => one.committed(version) === nodesEach))
  const seconds = (performance.now() - startMs) / 1_000
  return { how, copies: uplink.bytes() / weightBytes, seconds }
}

async function until(holds: () => boolean): Promise<void> {
  const untilMs = performance.now() + waitMsMax
  while (!holds()) {
    if (performance.now() > untilMs) throw new Error(`not within ${waitMsMax} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function tell(shared: readonly Measured[], alone: readonly Measured[]): void {
  const worst = Math.max(...shared.map(({ copies }) => copies))
  const peer = alone[0]?.copies ?? Number.NaN
  report(
    [...shared, ...alone].map(({ how, copies, seconds }) => ({
      [`${processes * nodesEach} nodes, 100 MB`]: how,
      'copies over the uplink': round(copies),
      'seconds, all committed': round(seconds),
      'uplink alone, s': round((copies * weightBytes) / uplinkBytesPerSecond),
    })),
    {
      ...{ bench: 'distribution', metric: 'copies over the uplink, the worst run' },
      ...{ value: round(worst), unit: 'copies' },
      ...{ peer: `every node from the origin: ${round(peer)} copies`, ratio: round(worst / peer) },
    },
  )
  if (worst > copiesMax) process.exitCode = 1
}
