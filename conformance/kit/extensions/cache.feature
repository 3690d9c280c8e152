@extension
Feature: Cache
  `metadata.tutti.cache` of a call: its result counts for the same call, for some time, in all runs.

  Scenario: The same call is asked once while its result counts
    Given 'GET http://kit.example/price' answers:
    """yaml
    [ { body: { n: 1 } }, { body: { n: 2 } } ]
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-same-call-is-asked-once-while-its-result-cou
      version: '1.0.0'
    do:
      - first: { call: http, with: { method: get, endpoint: 'http://kit.example/price' }, metadata: { tutti: { cache: { ttl: { hours: 1 } } } } }
      - second: { call: http, with: { method: get, endpoint: 'http://kit.example/price' }, metadata: { tutti: { cache: { ttl: { hours: 1 } } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 1 }
    """
    And 'GET http://kit.example/price' should have been called 1 times

  Scenario: A call that does not say so is asked each time
    Given 'GET http://kit.example/price' answers:
    """yaml
    [ { body: { n: 1 } }, { body: { n: 2 } } ]
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-call-that-does-not-say-so-is-asked-each-time
      version: '1.0.0'
    do:
      - first: { call: http, with: { method: get, endpoint: 'http://kit.example/price' }, metadata: { tutti: { cache: { ttl: { hours: 1 } } } } }
      - second: { call: http, with: { method: get, endpoint: 'http://kit.example/price' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 2 }
    """
    And 'GET http://kit.example/price' should have been called 2 times

  Scenario: Other arguments are another call
    Given 'POST http://kit.example/price' answers:
    """yaml
    [ { body: { n: 1 } }, { body: { n: 2 } } ]
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: other-arguments-are-another-call
      version: '1.0.0'
    do:
      - apples: { call: http, with: { method: post, endpoint: 'http://kit.example/price', body: { of: apples } }, metadata: { tutti: { cache: { ttl: { hours: 1 } } } } }
      - pears: { call: http, with: { method: post, endpoint: 'http://kit.example/price', body: { of: pears } }, metadata: { tutti: { cache: { ttl: { hours: 1 } } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 2 }
    """
    And 'POST http://kit.example/price' should have been called 2 times

  Scenario: A result counts for another run, too
    Given 'GET http://kit.example/price' answers:
    """yaml
    [ { body: { n: 1 } }, { body: { n: 2 } } ]
    """
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: before-another-run
      version: '1.0.0'
    do:
      - first: { call: http, with: { method: get, endpoint: 'http://kit.example/price' }, metadata: { tutti: { cache: { ttl: { hours: 1 } } } } }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-result-counts-for-another-run-too
      version: '1.0.0'
    do:
      - second: { call: http, with: { method: get, endpoint: 'http://kit.example/price' }, metadata: { tutti: { cache: { ttl: { hours: 1 } } } } }
    """
    When the workflow 'before-another-run' is executed
    Then the workflow 'before-another-run' should complete
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 1 }
    """
    And 'GET http://kit.example/price' should have been called 1 times

  Scenario: A result that is too old does not count
    Given 'GET http://kit.example/price' answers:
    """yaml
    [ { body: { n: 1 } }, { body: { n: 2 } } ]
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-result-that-is-too-old-does-not-count
      version: '1.0.0'
    do:
      - first: { call: http, with: { method: get, endpoint: 'http://kit.example/price' }, metadata: { tutti: { cache: { ttl: { milliseconds: 20 } } } } }
      - nap: { wait: { milliseconds: 60 } }
      - second: { call: http, with: { method: get, endpoint: 'http://kit.example/price' }, metadata: { tutti: { cache: { ttl: { milliseconds: 20 } } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 2 }
    """
    And 'GET http://kit.example/price' should have been called 2 times

  Scenario: A failure is not kept
    Given 'GET http://kit.example/price' answers:
    """yaml
    [ { status: 500 }, { body: { n: 2 } } ]
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-failure-is-not-kept
      version: '1.0.0'
    do:
      - attempt:
          try: [ { first: { call: http, with: { method: get, endpoint: 'http://kit.example/price' }, metadata: { tutti: { cache: { ttl: { hours: 1 } } } } } } ]
          catch: {}
      - second: { call: http, with: { method: get, endpoint: 'http://kit.example/price' }, metadata: { tutti: { cache: { ttl: { hours: 1 } } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 2 }
    """
    And 'GET http://kit.example/price' should have been called 2 times

  Scenario: With a key the result counts for that key, whatever the arguments
    Given 'POST http://kit.example/price' answers:
    """yaml
    [ { body: { n: 1 } }, { body: { n: 2 } } ]
    """
    Given the workflow input is:
    """yaml
    { of: [ { sku: a, at: 1 }, { sku: a, at: 2 } ] }
    """
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: with-a-key-the-result-counts-for-that-key-whatev
      version: '1.0.0'
    do:
      - all:
          for: { each: item, in: '${ .of }' }
          do:
            - look:
                call: http
                with: { method: post, endpoint: 'http://kit.example/price', body: '${ $item }' }
                metadata: { tutti: { cache: { ttl: { hours: 1 }, key: '$item.sku' } } }
                input: { from: '${ $item }' }
    """
    When the workflow is executed
    Then the workflow should complete
    And 'POST http://kit.example/price' should have been called 1 times
