Feature: Wait
  Pauses.

  Scenario: A pause hands its input on
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-pause-hands-its-input-on
      version: '1.0.0'
    do:
      - rest: { wait: { milliseconds: 5 } }
    """
    And given the workflow input is:
    """yaml
    { n: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 1 }
    """

  Scenario: A pause in ISO 8601
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-pause-in-iso-8601
      version: '1.0.0'
    do:
      - rest: { wait: PT0.01S }
      - after: { set: { rested: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { rested: true }
    """

  Scenario: A pause of hours waits
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-pause-of-hours-waits
      version: '1.0.0'
    do:
      - rest: { wait: { hours: 3 } }
    """
    When the workflow is executed
    Then the workflow should wait

  Scenario: A pause lasts as long as an expression says
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-pause-lasts-as-long-as-an-expression-says
      version: '1.0.0'
    do:
      - rest: { wait: '${ .pause }' }
      - after: { set: { rested: true } }
    """
    And given the workflow input is:
    """yaml
    { pause: PT0.005S }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { rested: true }
    """
