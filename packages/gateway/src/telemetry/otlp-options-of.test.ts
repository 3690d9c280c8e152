import { expect, test } from 'vitest'
import { otlpOptionsOf } from './otlp-options-of.ts'

const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }

test('the environment says where, as for every exporter', () => {
  const OTEL_EXPORTER_OTLP_HEADERS = 'Authorization=Basic%20x, b = c=d ,=e'
  const headers = { authorization: 'Basic x', b: 'c=d' }
  expect(otlpOptionsOf({ ...collector, OTEL_EXPORTER_OTLP_HEADERS })).toEqual({
    traces: { url: 'http://c:4318/v1/traces', headers },
    metrics: { url: 'http://c:4318/v1/metrics', headers },
    sampling: { share: 1, isParents: true },
    resource: {},
  })
  const below = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/tenant/' }
  expect(otlpOptionsOf(below)?.traces?.url).toBe('http://c:4318/tenant/v1/traces')
  for (const wrong of ['c:4318', 'grpc://c:4317', '/v1/traces']) {
    const named = () => otlpOptionsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: wrong })
    expect(named).toThrow(/OTEL_EXPORTER_OTLP_ENDPOINT: expected an http or https URL, got/)
  }
})

test('that there is none, or none is wanted, of one or of both', () => {
  const empty = { OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: '' }
  for (const env of [{}, empty, { ...collector, OTEL_SDK_DISABLED: 'TRUE' }]) {
    expect(otlpOptionsOf(env)).toBeUndefined()
  }
  const both = { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'prometheus' }
  expect(otlpOptionsOf({ ...collector, ...both })).toBeUndefined()
  const traces = otlpOptionsOf({ ...collector, OTEL_METRICS_EXPORTER: 'none' })
  expect([traces?.traces?.url, traces?.metrics]).toEqual(['http://c:4318/v1/traces', null])
  const metrics = otlpOptionsOf({ ...collector, OTEL_TRACES_EXPORTER: 'console' })
  expect([metrics?.traces, metrics?.metrics?.url]).toEqual([null, 'http://c:4318/v1/metrics'])
  const some = otlpOptionsOf({ ...collector, OTEL_TRACES_EXPORTER: 'console, otlp' })
  expect(some?.traces?.url).toBe('http://c:4318/v1/traces')
})

test('a place of its own for one of them, taken as it stands', () => {
  const own = {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://t/otel/',
    OTEL_EXPORTER_OTLP_HEADERS: 'a=1,b=1',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'B=2',
  }
  const alone = otlpOptionsOf(own)
  const traces = { url: 'https://t/otel/', headers: { a: '1', b: '2' } }
  expect([alone?.traces, alone?.metrics]).toEqual([traces, null])
  const both = otlpOptionsOf({ ...collector, ...own })
  const metrics = { url: 'http://c:4318/v1/metrics', headers: { a: '1', b: '1' } }
  expect([both?.traces, both?.metrics]).toEqual([traces, metrics])
  expect(() => otlpOptionsOf({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'm' })).toThrow(
    /OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: expected an http/,
  )
})

test('what is not spoken here is refused, of what is sent alone', () => {
  for (const protocol of ['http/json', 'http/protobuf', '']) {
    const env = { ...collector, OTEL_EXPORTER_OTLP_PROTOCOL: protocol }
    expect(otlpOptionsOf(env)?.traces).not.toBeNull()
  }
  const grpc = { ...collector, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }
  expect(() => otlpOptionsOf(grpc)).toThrow(
    /OTEL_EXPORTER_OTLP_PROTOCOL: expected http\/json, got "grpc": .* port 4318/,
  )
  expect(otlpOptionsOf({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toBeUndefined()
  const own = {
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
    OTEL_METRICS_EXPORTER: 'none',
  }
  expect(otlpOptionsOf({ ...grpc, ...own })?.traces).not.toBeNull()
})

test('whose spans are collected, and who sends them', () => {
  const samplingOf = (OTEL_TRACES_SAMPLER: string, OTEL_TRACES_SAMPLER_ARG = '') =>
    otlpOptionsOf({ ...collector, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG })?.sampling
  expect(samplingOf('always_on')).toEqual({ share: 1, isParents: false })
  expect(samplingOf('always_off')).toEqual({ share: 0, isParents: false })
  expect(samplingOf('parentbased_always_off', '1')).toEqual({ share: 0, isParents: true })
  expect(samplingOf('traceidratio', '0.1')).toEqual({ share: 0.1, isParents: false })
  expect(samplingOf('parentbased_traceidratio')).toEqual({ share: 1, isParents: true })
  for (const wrong of ['1.5', '-1', 'ten']) {
    expect(() => samplingOf('traceidratio', wrong)).toThrow(/_ARG: expected a share of 0 to 1/)
  }
  expect(() => samplingOf('jaeger_remote')).toThrow(/OTEL_TRACES_SAMPLER: expected always_on, /)
  const named = {
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=a, deployment.environment.name=pro%64 ,x',
    OTEL_SERVICE_NAME: 'front',
  }
  expect(otlpOptionsOf({ ...collector, ...named })?.resource).toEqual({
    ...{ 'service.name': 'front', 'deployment.environment.name': 'prod' },
  })
})
