// For tests of stores: short ways to say packets and operations, and a folder that goes away.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "store/store.h"

namespace phoenix::testing_store {

class TempFolder {
 public:
  // Below `parent`, which must exist. In memory by default where the system has such a folder: most
  // tests are about meaning, not about the speed of a disk.
  explicit TempFolder(const std::string& parent = default_parent()) {
    std::string name = parent + "/phoenix-store-XXXXXX";
    if (::mkdtemp(name.data())) path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  static std::string default_parent() {
    std::error_code ignored;
    const std::filesystem::path memory = "/dev/shm";
    if (std::filesystem::is_directory(memory, ignored)) return memory;
    return std::filesystem::temp_directory_path();
  }
  std::string path_;
};

inline Digest digest(uint8_t fill) {
  Digest bytes;
  bytes.fill(fill);
  return bytes;
}

// Revision 1, parked.
inline Packet head(const std::string& id, WallMs created_at = 1000, const std::string& ns = "ns") {
  Packet packet;
  packet.key = PacketKey(ns, id);
  packet.spec = std::make_shared<PacketSpec>();
  packet.status = Status::kPending;
  packet.parked = Parked{ParkReason::kNoCapableMember, created_at, kNoWall};
  packet.revision = 1;
  packet.created_at = created_at;
  packet.updated_at = created_at;
  return packet;
}

inline Packet assigned(Packet packet, const std::string& owner) {
  packet.status = Status::kAssigned;
  packet.parked.reset();
  packet.owner = Owner{owner, 1};
  ++packet.epoch;
  return packet;
}

inline Packet ended(Packet packet, Status status, WallMs at) {
  packet.status = status;
  packet.parked.reset();
  packet.ended_at = at;
  packet.updated_at = at;
  return packet;
}

inline Op create(const Packet& packet, const std::string& event = "created") {
  PutPacket op;
  op.head = std::make_shared<Packet>(packet);
  op.entry = {packet.created_at, packet.epoch, packet.revision, event, "", "", "", ""};
  return op;
}

// The next revision of `packet`; expects (epoch, revision) of `from`.
inline Op replace(const Packet& from, Packet packet, const std::string& event = "changed") {
  PutPacket op;
  packet.revision = from.revision + 1;
  op.expect_epoch = from.epoch;
  op.expect_revision = from.revision;
  op.entry = {packet.updated_at,
              packet.epoch,
              packet.revision,
              event,
              packet.owner ? packet.owner->id : "",
              "",
              "",
              ""};
  op.head = std::make_shared<Packet>(std::move(packet));
  return op;
}

inline Packet next(Packet packet) {
  ++packet.revision;
  return packet;
}

inline ContentWrite json(ContentKind kind, const std::string& text) {
  return {kind, std::make_shared<Content>(Content{true, "", text})};
}

inline std::shared_ptr<MemberRecord> member(const std::string& id, uint64_t revision = 1) {
  auto record = std::make_shared<MemberRecord>();
  record->key = MemberKey("ns", id);
  record->capabilities = {"a", "b"};
  record->incarnation = 1;
  record->revision = revision;
  record->updated_at = 1000;
  return record;
}

inline std::shared_ptr<SessionRecord> session(const std::string& id, uint64_t revision = 1) {
  auto record = std::make_shared<SessionRecord>();
  record->id = id;
  record->ns = "ns";
  record->members = {{"m", 1}};
  record->revision = revision;
  return record;
}

}  // namespace phoenix::testing_store
