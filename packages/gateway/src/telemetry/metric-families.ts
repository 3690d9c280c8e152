// Metric families
//
// Every metric that a gateway tells, and how it is written in the Prometheus text format (0.0.4).

const families = {
  requests_total: ['counter', 'Requests that were answered, by route and status.'],
  attempts_total: ['counter', 'Attempts at targets, those that failed included.'],
  tokens_total: ['counter', 'Tokens that were charged, by type.'],
  cost_dollars_total: ['counter', 'Dollars that were charged, where the price is known.'],
  arm_requests_total: ['counter', 'Requests that were answered, by arm of an experiment.'],
  arm_request_seconds_total: ['counter', 'Time until answers were whole, by arm.'],
  arm_cost_dollars_total: ['counter', 'Dollars that were charged, by arm.'],
  cache_hits_total: ['counter', 'Answers that were given again, by how they were found.'],
  findings_total: ['counter', 'What guards found, by side, kind and action.'],
  request_seconds: ['summary', 'Time until answers were whole, since the start.'],
  shadows_left_out_total: ['counter', 'Requests that were not sent to a shadow as well.'],
  bodies_kept_total: ['counter', 'Bodies that the control plane has taken.'],
  bodies_left_out_total: ['counter', 'Bodies that were not kept: too many waited.'],
  tools_withheld_total: ['counter', 'Tools that were withheld, by server and by what.'],
  control_plane_up: ['gauge', 'Whether the control plane’s snapshots are followed.'],
  snapshot_timestamp_seconds: ['gauge', 'When the snapshot that is served from was made.'],
  snapshot_refused: ['gauge', 'Whether the snapshot, or the file, that came last was refused.'],
  spans_dropped_total: ['counter', 'Spans that OTLP’s collector did not get.'],
} as const

export type MetricFamily = keyof typeof families

/** Its labels with commas between them, and its value. */
export type Series = readonly [labels: string, value: number]

/** All series of a family together, as the format asks for; nothing where there are none. */
export function formatFamily(name: MetricFamily, all: readonly Series[]): string {
  if (all.length === 0) return ''
  const [type, help] = families[name]
  const full = `tutti_gateway_${name}`
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${formatSeries(name, all)}`
}

/** `name` of a summary's sum or count has that behind it. */
export function formatSeries(name: string, all: readonly Series[]): string {
  const line = ([labels, value]: Series) =>
    `tutti_gateway_${name}${labels === '' ? '' : `{${labels}}`} ${value}\n`
  return all.map(line).join('')
}

/** The families of several texts, each of them once. */
export function joinFamilies(texts: readonly string[]): string {
  const found = new Map<string, string>() // the series of each, by what is said of it
  for (const text of texts) {
    for (const [, about = '', series = ''] of text.matchAll(family)) {
      found.set(about, (found.get(about) ?? '') + series)
    }
  }
  return [...found].flat().join('')
}

const family = /((?:^#.*\n)+)((?:^[^#\n].*\n)*)/gm
