// Processor time of a cluster on this machine, which does not change with how busy the machine is
// as its speed does.
#pragma once

namespace phoenix::bench {

// In seconds, since the processes began: of all that descend from this one, those that ended too.
struct ProcessorTime {
  double hosts = 0;
  double database = 0;  // PostgreSQL's processes
  double clients = 0;   // this process

  static ProcessorTime now();
  ProcessorTime since(const ProcessorTime& before) const {
    return {hosts - before.hosts, database - before.database, clients - before.clients};
  }
};

}  // namespace phoenix::bench
