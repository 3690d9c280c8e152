Feature: Cancel
  Workflows that are no longer wanted.

  Scenario: A workflow that waits is cancelled
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-workflow-that-waits-is-cancelled
      version: '1.0.0'
    do:
      - nap: { wait: { hours: 1 } }
      - never: { set: { n: 1 } }
    """
    When the workflow is executed
    When the workflow is cancelled
    Then the workflow should be cancelled
    And never should not run

  Scenario: A workflow that listens is cancelled, and hears no more
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-workflow-that-listens-is-cancelled-and-hears-no
      version: '1.0.0'
    do:
      - hear: { listen: { to: { one: { with: { type: kit.a } } } } }
      - tell: { call: http, with: { method: post, endpoint: 'http://kit.example/never' } }
    """
    When the workflow is executed
    When the workflow is cancelled
    Then the workflow should be cancelled
    When the event is published:
    """yaml
    { id: '1', source: 'https://kit.example', type: kit.a, data: {} }
    """
    Then 'POST http://kit.example/never' should have been called 0 times

  Scenario: A cancellation is no error that can be caught
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-cancellation-is-no-error-that-can-be-caught
      version: '1.0.0'
    do:
      - attempt:
          try: [ { nap: { wait: { hours: 1 } } } ]
          catch: { do: [ { never: { set: { caught: true } } } ] }
    """
    When the workflow is executed
    When the workflow is cancelled
    Then the workflow should be cancelled
    And never should not run
