// The vectors are AWS's own (the Signature Version 4 test suite): region us-east-1, a service called `service`.

import { describe, expect, test } from 'vitest'
import { type AwsRequest, awsCredentialsOf, signAws } from './sign-aws.ts'

const credentials = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
}
const scope = {
  ...{ region: 'us-east-1', service: 'service', nowMs: Date.parse('2015-08-30T12:36:00Z') },
}
const get: AwsRequest = {
  ...{
    method: 'GET',
    host: 'example.amazonaws.com',
    path: '/',
    query: '',
    headers: {},
    body: null,
  },
}
const post: AwsRequest = { ...get, method: 'POST' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }

describe('sign AWS', () => {
  test.each<[string, AwsRequest, string, string]>([
    [
      ...(['get-vanilla', get, 'host;x-amz-date'] as const),
      '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
    ],
    [
      ...(['get-utf8', { ...get, path: '/ሴ' }, 'host;x-amz-date'] as const),
      '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85',
    ],
    [
      'get-header-value-order',
      { ...get, headers: { 'my-header1': 'value4,value1,value3,value2' } },
      'host;my-header1;x-amz-date',
      '08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01',
    ],
    [
      ...(['post-vanilla', post, 'host;x-amz-date'] as const),
      '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
    ],
    [
      ...(['post-vanilla-query', { ...post, query: 'Param1=value1' }, 'host;x-amz-date'] as const),
      '28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11',
    ],
    [
      'post-x-www-form-urlencoded',
      { ...post, headers: form, body: Buffer.from('Param1=value1') },
      'content-type;host;x-amz-date',
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
  ])('%s', (_, request, signed, signature) => {
    expect(signAws(request, credentials, scope)).toEqual({
      'x-amz-date': '20150830T123600Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ' +
        `SignedHeaders=${signed}, Signature=${signature}`,
    })
  })

  test('post-sts-header-before', () => {
    const sessionToken =
      'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxf' +
      'pSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPk' +
      'yQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBA' +
      'z+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=='
    const { authorization } = signAws(post, { ...credentials, sessionToken }, scope)
    expect(authorization).toContain(
      'Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead',
    )
  })

  test('a Secret holds credentials of AWS, or else a key', () => {
    expect(awsCredentialsOf('AKIAIOSFODNN7EXAMPLE:abc/D+e=')).toEqual({
      ...{ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'abc/D+e=' },
    })
    expect(awsCredentialsOf('ASIAIOSFODNN7EXAMPLE:abc:tok:en')?.sessionToken).toBe('tok:en')
    expect(awsCredentialsOf('bedrock-api-key-abc')).toBeNull()
  })
})
