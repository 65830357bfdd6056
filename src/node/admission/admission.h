// What comes before somebody gets a packet, once it is known who: the payload that rules read, and
// what rules want done along with it. Private to src/node.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "node/parts/impl.h"

namespace phoenix {

class Node::Impl::Admission {
 public:
  explicit Admission(Impl& node) : node_(node) {}

  // A payload that has come with a packet, if a rule may want it.
  void keep_payload(const PacketKey& key, const std::shared_ptr<const Content>& payload);
  // Before a call that gives the packet to somebody. True: a rule reads its payload, and the call
  // has to wait under payload_block_name() until the store has answered for it.
  bool must_read_payload(const Packet& head);
  // Of owners' calls: true, and the command is put aside, if that holds for one of them.
  bool puts_aside(Command& command, OwnerCalls& request, std::span<const SlotNo> slots);
  // What the store has, or why it could not be read.
  void payload_read(const PacketKey& key, Result<std::optional<Content>> found);

  // Makes `to` the owner after the change, with what goes along: what it is not shown, the scopes
  // that are left to it, and what the record is to keep of that. Requires: policies allow it.
  // `reserved`: its room is reserved already.
  void name_owner(Change& change, const Packet& head, MemberNo to, bool reserved = false);

  // What a handoff gives its receiver to see of the context, where name_owner() has kept something
  // back; a giver that has signed for the whole of it is refused.
  std::optional<Error> cut_context(const OwnerCall& call, SlotNo no, Change& change);

 private:
  Impl& node_;
};

}  // namespace phoenix
