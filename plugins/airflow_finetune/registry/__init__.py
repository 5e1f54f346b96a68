"""What passed the gate becomes a version that a person approves, and only what is approved is deployed to stay."""
