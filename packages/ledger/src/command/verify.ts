// tutti-ledger verify: prints what `verifyExport` found.

import { readFile } from 'node:fs/promises'
import { type ExportReport, findingMeanings, verifyExport } from '../export/index.ts'
import { type ExitCode, type Output, printable } from './output.ts'

export interface VerifyArguments {
  readonly folder: string
  readonly vkey: string | null
  readonly witnesses: readonly string[]
  /** The file that holds an earlier checkpoint. */
  readonly since: string | null
  readonly json: boolean
}

export async function runVerify(args: VerifyArguments, output: Output): Promise<ExitCode> {
  const report = await verifyExport(args.folder, {
    witnesses: args.witnesses,
    ...(args.vkey !== null && { vkey: args.vkey }),
    ...(args.since !== null && { since: await readFile(args.since, 'utf8') }),
  })
  output.print(args.json ? toJson(report) : toText(report))
  return report.ok ? 0 : 1
}

function toJson({ log, ...report }: ExportReport): string {
  const root = log === null ? null : Buffer.from(log.root).toString('base64')
  return `${JSON.stringify({ ...report, log: log && { ...log, root } }, null, 2)}\n`
}

function toText(report: ExportReport): string {
  const { ok, pinned, log, findings } = report
  const lines = findings.map(({ code, file, index, detail }) => {
    const place = index === null ? file : `${file}, entry ${index}`
    return `${place}: ${findingMeanings[code]} (${code}): ${detail}`
  })
  if (ok && log !== null) {
    const erased = log.erased === 0 ? '' : `, ${log.erased} of them erased`
    lines.push(`ok: ${log.origin} with ${log.size} entries${erased}`)
    for (const { name, timestampSeconds } of log.cosignatures) {
      lines.push(`witnessed by ${name} at ${new Date(timestampSeconds * 1000).toISOString()}`)
    }
  } else {
    lines.push(`not ok: ${findings.length} findings`)
    if (log === null) lines.push('not everything was checked')
  }
  if (!pinned) {
    lines.push(
      "not pinned: the export's own key was believed; pass --vkey to check whose log it is",
    )
  }
  return lines.map((line) => `${printable(line)}\n`).join('')
}
