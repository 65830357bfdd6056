// Writes refusals and what befalls hosts into the log. Private to src/node.
#pragma once

#include <optional>
#include <string>

#include "node/parts/impl.h"

namespace phoenix {

class Node::Impl::Noting {
 public:
  explicit Noting(Impl& node) : node_(node) {}

  void policy(const PolicyNote& note);
  // The packet waits for what policies say, by the last placement (Governance::refusal): an entry
  // the first time, by itself or as part of the write that makes it wait.
  void held(SlotNo no);
  void held(Write& write, const Packet& head);
  // A call that is refused just now. Null: it is about no packet.
  void call(const PacketKey* about, const Error& error);
  // One that was refused before it came here.
  void before(const Caller& caller, const std::string& reason);
  // What time brings: refusals that were counted.
  void due();
  void host(HostNote note);
  // The write of the oldest host's note is over.
  void settled(bool committed);

 private:
  lineage::Entry entry_of(lineage::EntryKind kind, std::string event, std::string reason) const;
  void write(bool of_packet, std::string key, HistoryEntry line, const lineage::Entry& entry,
             bool is_note);
  PutNote refusal_row(const PolicyNote& note) const;
  PutNote held_row(const Packet& head) const;
  static bool is_told(const PolicyRefusal& refusal);
  uint64_t refusal_number() const;
  std::optional<KnownCaller> caller() const;
  static std::optional<KnownCaller> of_token(const std::string& principal);
  bool is_first(const std::optional<KnownCaller>& who, std::string_view reason);
  void host_notes();

  Impl& node_;
};

}  // namespace phoenix
