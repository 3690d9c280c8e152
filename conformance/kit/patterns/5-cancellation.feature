Feature: Cancellation
  Patterns 19, 20 and 25.

  Scenario: WCP-19 Cancel Activity
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-19-cancel-activity
      version: '1.0.0'
    do:
      - activity:
          fork:
            compete: true
            branches:
              - work: { do: [ { nap: { wait: { seconds: 60 } } }, { end: { call: http, with: { method: post, endpoint: 'http://kit.example/work' } } } ] }
              - withdraw: { listen: { to: { one: { with: { type: kit.withdraw } } } } }
      - on: { set: { went: on } }
    """
    When the workflow is executed
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.withdraw, data: {} }
    """
    Then the workflow should complete with output:
    """yaml
    { went: on }
    """
    And 'POST http://kit.example/work' should have been called 0 times

  Scenario: WCP-20 Cancel Case
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-20-cancel-case
      version: '1.0.0'
    do:
      - both: { fork: { branches: [ { a: { wait: { hours: 1 } } }, { b: { listen: { to: { one: { with: { type: kit.b } } } } } } ] } }
    """
    When the workflow is executed
    When the workflow is cancelled
    Then the workflow should be cancelled

  Scenario: WCP-25 Cancel Region
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: wcp-25-cancel-region
      version: '1.0.0'
    do:
      - whole:
          fork:
            branches:
              - region:
                  fork:
                    compete: true
                    branches:
                      - inside: { do: [ { one: { set: { n: 1 } } }, { two: { fork: { branches: [ { x: { wait: { hours: 1 } } }, { y: { wait: { hours: 2 } } } ] } } }, { three: { call: http, with: { method: post, endpoint: 'http://kit.example/inside' } } } ] }
                      - stop: { listen: { to: { one: { with: { type: kit.stop } } } } }
              - outside: { call: http, with: { method: post, endpoint: 'http://kit.example/outside' } }
    """
    And given 'POST http://kit.example/outside' answers:
    """yaml
    body: { outside: true }
    """
    When the workflow is executed
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.stop, data: {} }
    """
    Then the workflow should complete
    And 'POST http://kit.example/inside' should have been called 0 times
    And 'POST http://kit.example/outside' should have been called 1 time
