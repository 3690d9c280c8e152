Feature: Secrets
  Values that documents name and do not hold.

  Scenario: A secret is read by its name
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-secret-is-read-by-its-name
      version: '1.0.0'
    use: { secrets: [ token ] }
    do:
      - see: { set: { v: '${ $secrets.token }' } }
    """
    And given the secret 'token' is:
    """yaml
    s3cret
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { v: s3cret }
    """

  Scenario: A secret that is not named in use is not there
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-secret-that-is-not-named-in-use-is-not-there
      version: '1.0.0'
    do:
      - see: { set: { v: '${ $secrets.token // "none" }' } }
    """
    And given the secret 'token' is:
    """yaml
    s3cret
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { v: none }
    """

  Scenario: A secret may have members
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-secret-may-have-members
      version: '1.0.0'
    use: { secrets: [ login ] }
    do:
      - see: { set: { v: '${ $secrets.login.user }' } }
    """
    And given the secret 'login' is:
    """yaml
    { user: ada, password: s }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { v: ada }
    """

  Scenario: A secret that nobody has given is an error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-secret-that-nobody-has-given-is-an-error
      version: '1.0.0'
    use: { secrets: [ nobody ] }
    do:
      - see: { set: { v: '${ $secrets.nobody }' } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/dsl/errors/types/authorization
    status: 403
    """
