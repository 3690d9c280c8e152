Feature: Try
  Errors caught, and tried again.

  Scenario: A try without an error is its body
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-try-without-an-error-is-its-body
      version: '1.0.0'
    do:
      - attempt:
          try: [ { fine: { set: { n: 1 } } } ]
          catch: { do: [ { never: { set: { n: 9 } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 1 }
    """
    And never should not run

  Scenario: Catch without a filter catches every error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: catch-without-a-filter-catches-every-error
      version: '1.0.0'
    do:
      - attempt:
          try: [ { fail: { raise: { error: { type: 'https://kit.example/errors/a', status: 418, title: Teapot, detail: short and stout } } } } ]
          catch: { do: [ { handle: { set: { caught: '${ $error.status }' } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { caught: 418 }
    """

  Scenario: The error has the name that as gives it
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-error-has-the-name-that-as-gives-it
      version: '1.0.0'
    do:
      - attempt:
          try: [ { fail: { raise: { error: { type: 'https://kit.example/errors/a', status: 418, title: Teapot, detail: short and stout } } } } ]
          catch: { as: problem, do: [ { handle: { set: { title: '${ $problem.title }' } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { title: Teapot }
    """

  Scenario Outline: A filter on <member> <catches>
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-filter-on-x-x
      version: '1.0.0'
    do:
      - attempt:
          try: [ { fail: { raise: { error: { type: 'https://kit.example/errors/a', status: 418, title: Teapot, detail: short and stout } } } } ]
          catch:
            errors: { with: { <member>: <value> } }
            do: [ { handle: { set: { caught: true } } } ]
    """
    When the workflow is executed
    Then the workflow should <end>

    Examples:
      | member | value                        | catches   | end      |
      | status | 418                          | catches   | complete |
      | status | 500                          | lets pass | fault    |
      | type   | https://kit.example/errors/a | catches   | complete |
      | type   | https://kit.example/errors/b | lets pass | fault    |
      | title  | Teapot                       | catches   | complete |
      | detail | nothing                      | lets pass | fault    |

  Scenario Outline: When is a condition on the error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: when-is-a-condition-on-the-error
      version: '1.0.0'
    do:
      - attempt:
          try: [ { fail: { raise: { error: { type: 'https://kit.example/errors/a', status: 418, title: Teapot, detail: short and stout } } } } ]
          catch:
            when: '${ $error.status == <status> }'
            do: [ { handle: { set: { caught: true } } } ]
    """
    When the workflow is executed
    Then the workflow should <end>

    Examples:
      | status | end      |
      | 418    | complete |
      | 500    | fault    |

  Scenario Outline: ExceptWhen lets an error pass
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: exceptwhen-lets-an-error-pass
      version: '1.0.0'
    do:
      - attempt:
          try: [ { fail: { raise: { error: { type: 'https://kit.example/errors/a', status: 418, title: Teapot, detail: short and stout } } } } ]
          catch:
            exceptWhen: '${ $error.status == <status> }'
            do: [ { handle: { set: { caught: true } } } ]
    """
    When the workflow is executed
    Then the workflow should <end>

    Examples:
      | status | end      |
      | 418    | fault    |
      | 500    | complete |

  Scenario: Catch without do goes on with the next task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: catch-without-do-goes-on-with-the-next-task
      version: '1.0.0'
    do:
      - attempt:
          try: [ { fail: { raise: { error: { type: 'https://kit.example/errors/a', status: 418, title: Teapot, detail: short and stout } } } } ]
          catch: { errors: { with: { status: 418 } } }
      - next: { set: { went: on } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { went: on }
    """

  Scenario: An error in the handler is not caught by its own catch
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-error-in-the-handler-is-not-caught-by-its-own-c
      version: '1.0.0'
    do:
      - attempt:
          try: [ { fail: { raise: { error: { type: 'https://kit.example/errors/a', status: 418, title: Teapot, detail: short and stout } } } } ]
          catch:
            do: [ { again: { raise: { error: { type: 'https://kit.example/errors/b', status: 500, title: b } } } } ]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 500
    """

  Scenario: An outer try catches what the inner lets pass
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-outer-try-catches-what-the-inner-lets-pass
      version: '1.0.0'
    do:
      - outer:
          try:
            - inner:
                try: [ { fail: { raise: { error: { type: 'https://kit.example/errors/a', status: 418, title: Teapot, detail: short and stout } } } } ]
                catch: { errors: { with: { status: 500 } }, do: [ { wrong: { set: { n: 9 } } } ] }
          catch: { errors: { with: { status: 418 } }, do: [ { right: { set: { n: 1 } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 1 }
    """
    And wrong should not run

  Scenario: A call is tried again until it succeeds
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-call-is-tried-again-until-it-succeeds
      version: '1.0.0'
    do:
      - attempt:
          try: [ { ask: { call: http, with: { method: get, endpoint: 'http://kit.example/flaky' } } } ]
          catch:
            errors: { with: { status: 503 } }
            retry: { delay: { milliseconds: 1 }, limit: { attempt: { count: 5 } } }
    """
    And given 'GET http://kit.example/flaky' answers:
    """yaml
    - { status: 503 }
    - { status: 503 }
    - { body: { ok: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { ok: true }
    """
    And 'GET http://kit.example/flaky' should have been called 3 times

  Scenario: When the attempts are used up the error is the result
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: when-the-attempts-are-used-up-the-error-is-the-res
      version: '1.0.0'
    do:
      - attempt:
          try: [ { ask: { call: http, with: { method: get, endpoint: 'http://kit.example/down' } } } ]
          catch:
            errors: { with: { status: 503 } }
            retry: { delay: { milliseconds: 1 }, limit: { attempt: { count: 3 } } }
    """
    And given 'GET http://kit.example/down' answers:
    """yaml
    status: 503
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 503
    """

  Scenario: After the last attempt the handler runs
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: after-the-last-attempt-the-handler-runs
      version: '1.0.0'
    do:
      - attempt:
          try: [ { ask: { call: http, with: { method: get, endpoint: 'http://kit.example/down' } } } ]
          catch:
            retry: { delay: { milliseconds: 1 }, limit: { attempt: { count: 2 } } }
            do: [ { give: { set: { gave: up } } } ]
    """
    And given 'GET http://kit.example/down' answers:
    """yaml
    status: 503
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { gave: up }
    """

  Scenario Outline: A retry with <backoff> backoff
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-retry-with-x-backoff
      version: '1.0.0'
    do:
      - attempt:
          try: [ { ask: { call: http, with: { method: get, endpoint: 'http://kit.example/flaky' } } } ]
          catch:
            retry:
              delay: { milliseconds: 2 }
              backoff: { <backoff>: {} }
              jitter: { from: { milliseconds: 1 }, to: { milliseconds: 2 } }
              limit: { attempt: { count: 4 } }
    """
    And given 'GET http://kit.example/flaky' answers:
    """yaml
    - { status: 500 }
    - { status: 502 }
    - { body: { ok: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { ok: true }
    """
    And 'GET http://kit.example/flaky' should have been called 3 times

    Examples:
      | backoff     |
      | constant    |
      | linear      |
      | exponential |

  Scenario: A retry policy is taken by its name in use
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-retry-policy-is-taken-by-its-name-in-use
      version: '1.0.0'
    use:
      retries:
        brief: { delay: { milliseconds: 1 }, limit: { attempt: { count: 3 } } }
    do:
      - attempt:
          try: [ { ask: { call: http, with: { method: get, endpoint: 'http://kit.example/flaky' } } } ]
          catch: { retry: brief }
    """
    And given 'GET http://kit.example/flaky' answers:
    """yaml
    - { status: 503 }
    - { body: { ok: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { ok: true }
    """

  Scenario: A retry whose when does not hold is not made
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-retry-whose-when-does-not-hold-is-not-made
      version: '1.0.0'
    do:
      - attempt:
          try: [ { ask: { call: http, with: { method: get, endpoint: 'http://kit.example/gone' } } } ]
          catch:
            retry: { when: '${ $error.status == 503 }', delay: { milliseconds: 1 }, limit: { attempt: { count: 5 } } }
    """
    And given 'GET http://kit.example/gone' answers:
    """yaml
    status: 410
    """
    When the workflow is executed
    Then the workflow should fault
    And 'GET http://kit.example/gone' should have been called 1 time

  Scenario: The whole of the body is tried again
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-whole-of-the-body-is-tried-again
      version: '1.0.0'
    do:
      - attempt:
          try:
            - one: { call: http, with: { method: post, endpoint: 'http://kit.example/one' } }
            - two: { call: http, with: { method: post, endpoint: 'http://kit.example/two' } }
          catch: { retry: { delay: { milliseconds: 1 }, limit: { attempt: { count: 3 } } } }
    """
    And given 'POST http://kit.example/one' answers:
    """yaml
    body: { n: 1 }
    """
    And given 'POST http://kit.example/two' answers:
    """yaml
    - { status: 500 }
    - { body: { n: 2 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 2 }
    """
    And 'POST http://kit.example/one' should have been called 2 times

  Scenario: The error tells where it came from
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-error-tells-where-it-came-from
      version: '1.0.0'
    do:
      - attempt:
          try: [ { ask: { call: http, with: { method: get, endpoint: 'http://kit.example/none' } } } ]
          catch: { do: [ { tell: { set: { at: '${ $error.instance }', status: '${ $error.status }' } } } ] }
    """
    And given 'GET http://kit.example/none' answers:
    """yaml
    status: 404
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { at: /do/0/attempt/try/0/ask, status: 404 }
    """
