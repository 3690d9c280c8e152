Feature: Timeouts
  Time limits of tasks and workflows.

  Scenario: A task that takes too long is a timeout error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-task-that-takes-too-long-is-a-timeout-error
      version: '1.0.0'
    do:
      - slow: { timeout: { after: { milliseconds: 10 } }, wait: { seconds: 60 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/dsl/errors/types/timeout
    status: 408
    """

  Scenario: A task in time is not touched
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-task-in-time-is-not-touched
      version: '1.0.0'
    do:
      - quick: { timeout: { after: { seconds: 60 } }, set: { n: 1 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 1 }
    """

  Scenario: A timeout is caught like any error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-timeout-is-caught-like-any-error
      version: '1.0.0'
    do:
      - attempt:
          try: [ { slow: { timeout: { after: { milliseconds: 10 } }, wait: { seconds: 60 } } } ]
          catch: { errors: { with: { status: 408 } }, do: [ { late: { set: { late: true } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { late: true }
    """

  Scenario: A workflow that takes too long is a timeout error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-workflow-that-takes-too-long-is-a-timeout-error
      version: '1.0.0'
    timeout: { after: { milliseconds: 10 } }
    do:
      - slow: { wait: { seconds: 60 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 408
    """

  Scenario: A timeout by its name in use
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-timeout-by-its-name-in-use
      version: '1.0.0'
    use: { timeouts: { brief: { after: { milliseconds: 10 } } } }
    do:
      - slow: { timeout: brief, wait: { seconds: 60 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 408
    """

  Scenario: A timeout ends all that is inside
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-timeout-ends-all-that-is-inside
      version: '1.0.0'
    do:
      - outer:
          timeout: { after: { milliseconds: 20 } }
          do:
            - nap: { wait: { seconds: 60 } }
            - never: { set: { n: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 408
    """
    And never should not run

  Scenario: Listening can be limited in time
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: listening-can-be-limited-in-time
      version: '1.0.0'
    do:
      - hear: { timeout: { after: { milliseconds: 10 } }, listen: { to: { one: { with: { type: kit.never } } } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 408
    """
