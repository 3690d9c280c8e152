Feature: Schedule
  What starts a workflow without anybody's doing, as far as a definition says it.

  Scenario: What has a schedule can be started by hand too
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: scheduled-and-started
      version: '1.0.0'
    schedule:
      cron: '*/5 9-17 * * mon-fri'
    do:
      - work: { set: { done: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { done: true }
    """

  Scenario: An interval and events at once
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: interval-and-events
      version: '1.0.0'
    schedule:
      { every: { hours: 1 }, on: { one: { with: { type: kit.a } } } }
    do:
      - work: { set: { done: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { done: true }
    """

  Scenario: A cron expression with a minute that no hour has
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: no-such-minute
      version: '1.0.0'
    schedule:
      cron: '61 * * * *'
    do:
      - work: { set: { done: true } }
    """
    Then the workflow should be refused

  Scenario: A cron expression without fields
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: no-fields
      version: '1.0.0'
    schedule:
      cron: daily
    do:
      - work: { set: { done: true } }
    """
    Then the workflow should be refused

  Scenario: An interval that is no duration
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: no-duration
      version: '1.0.0'
    schedule:
      every: soon
    do:
      - work: { set: { done: true } }
    """
    Then the workflow should be refused

  Scenario: How events are read without events
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: read-without-events
      version: '1.0.0'
    schedule:
      read: envelope
    do:
      - work: { set: { done: true } }
    """
    Then the workflow should be refused
