#include "runtime/host_runtime.h"

#include <sys/random.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "cluster/cluster.h"
#include "lineage/crypto/sha256.h"
#include "runtime/clock.h"
#include "runtime/content_cache.h"
#include "runtime/peer/patience.h"
#include "runtime/recorder/key_facts.h"
#include "runtime/recorder/log_recorder.h"
#include "runtime/store_threads.h"
#include "runtime/tokens.h"

namespace phoenix {
namespace {

constexpr WallMs kChallengeMs = 60'000;
constexpr Duration kTickAtMost = milliseconds(25);
// How often a host asks for the events of those that share its store.
constexpr Duration kOthersEvery = milliseconds(250);

// What was sent may have happened: the client asks again, under the same key.
Error life_over() {
  Error error = {.kind = ErrorKind::kTimeout,
                 .detail = "this life of the host ended before the answer was known; ask again"};
  error.retry_after_ms = 200;
  return error;
}

KeyFacts key_facts(const HostOptions& options) {
  return {options.key ? &*options.key : nullptr, options.root, options.grant};
}

// Batch ids are unique for a store, and where several hosts share one, for a life.
uint64_t first_batch(const NodeConfig& config) {
  return config.self.empty() ? config.run << 40 : 1;
}

class HostRuntime final : public RunningHost {
 public:
  HostRuntime(EventLoop& loop, std::unique_ptr<Store> store, const HostOptions& options,
              NodeConfig config)
      : loop_(loop),
        store_(std::move(store)),
        options_(options),
        run_(config.run),
        started_at_(now().wall),
        cluster_({.node = config, .has_store = true}),
        cache_(options.cache_bytes),
        timer_(loop),
        others_(loop),
        reader_(loop, *store_),
        writer_(
            loop, *store_, first_batch(config), SweepLimits{.retain_count = options.retain_count},
            [this](StoreWriter::Done done) { committed(std::move(done)); },
            [this](uint64_t batch, Resolution resolution) {
              cluster_.resolved(now(), batch, resolution);
              carry_out();
            },
            [this](const EndedCounts& buried) { cluster_.swept(buried); }) {}

  // True if all was read back.
  Result<bool> recover() {
    RecoverSink sink;
    sink.packet = [this](Packet packet) { cluster_.recover(std::move(packet)); };
    sink.member = [this](MemberRecord record) { cluster_.recover(std::move(record)); };
    sink.session = [this](SessionRecord record) { cluster_.recover(std::move(record)); };
    sink.document = [this](Document document) { cluster_.recover(std::move(document)); };
    sink.ended = [this](const EndedCounts& kept) { cluster_.recover_ended(kept); };
    sink.incarnation_floor = [this](uint64_t floor) { cluster_.recover_incarnation_floor(floor); };
    if (auto done = store_->recover(sink); !done) return done;
    // Where the event log stands: a stream that is resumed after a restart goes on from there.
    auto reader = store_->reader();
    if (!reader) return tl::unexpected<Error>(reader.error());
    const auto page = (*reader)->list({}, false, std::nullopt, 1);
    if (!page) return tl::unexpected<Error>(page.error());
    last_event_ = page->as_of;
    if (options_.key) {
      auto last = store_->fact(checkpoint_fact());
      if (!last) return tl::unexpected<Error>(last.error());
      if (*last) last_checkpoint_ = std::move(**last);
    }
    return recover_pruned(**reader);
  }
  // What is left of logs whose beginnings are gone.
  Result<bool> recover_pruned(Reader& reader) {
    const auto logs = reader.logs();
    if (!logs) return tl::unexpected<Error>(logs.error());
    for (const LogState& log : *logs) {
      auto fact = store_->fact(pruned_fact(log.log));
      if (!fact) return tl::unexpected<Error>(fact.error());
      if (!*fact) continue;
      auto left = lineage::decode_pruned(**fact);
      if (!left) return tl::unexpected<Error>(left.error());
      pruned_.push_back(*std::move(left));
    }
    return true;
  }
  void ready(const std::string& entered_key) {
    cluster_.ready(now());
    if (auto note = key_note(key_facts(options_), entered_key))
      cluster_.note(now(), *std::move(note));
    carry_out();
    start_recorder();
    if (store_->capabilities().shared) watch_others();
  }

  RequestId send(Caller caller, std::optional<Idempotency> idempotency, CommandBody body,
                 std::function<void(Reply)> done,
                 std::function<void(const StreamPortion&)> portion) override {
    const RequestId id = ++next_request_;
    if (ended_) {
      loop_.post([id, done = std::move(done)] { done({.id = id, .body = life_over()}); });
      return id;
    }
    waiting_.emplace(id, std::move(done));
    if (portion) streams_.emplace(id, std::move(portion));
    cluster_.command(now(), {.id = id,
                             .caller = std::move(caller),
                             .idempotency = std::move(idempotency),
                             .body = std::move(body)});
    settle_soon();
    return id;
  }
  void abandon(RequestId id) override {
    waiting_.erase(id);
    streams_.erase(id);
    cluster_.abandon(now(), id);
    settle_soon();
  }
  void stream_closed(RequestId stream, bool by_peer) override {
    streams_.erase(stream);
    cluster_.stream_closed(now(), stream, by_peer);
    settle_soon();
  }
  void refused(const Caller& caller, const std::string& reason) override {
    cluster_.refused(now(), caller, reason);
    settle_soon();
  }

  const Node& node() const override { return cluster_.node(); }
  const Cluster& cluster() const override { return cluster_; }
  Now now() const override { return read_clock(); }

  void contents(std::vector<PacketPtr> heads, uint32_t mask,
                std::function<void(Result<std::vector<Contents>>)> done) override {
    auto found = std::make_shared<std::vector<Contents>>(heads.size());
    std::vector<ContentRef> missing;
    std::vector<size_t> at;  // of whom each is
    for (size_t i = 0; i < heads.size(); ++i) {
      for (size_t kind = 0; kind < kContentKinds; ++kind) {
        const ContentInfo& info = heads[i]->contents[kind];
        if (!info.present || (mask >> kind & 1) == 0) continue;
        const auto which = static_cast<ContentKind>(kind);
        auto content = cache_.get(heads[i]->key, which, info.revision);
        if (content) {
          (*found)[i].of[kind] = std::move(content);
        } else {
          missing.push_back({heads[i]->key, which});
          at.push_back(i);
        }
      }
    }
    if (missing.empty()) return done(std::move(*found));
    read<bool>(
        [found, missing = std::move(missing), at = std::move(at)](Reader& reader) -> Result<bool> {
          auto contents = reader.contents(missing);
          if (!contents) return tl::unexpected<Error>(contents.error());
          for (size_t i = 0; i < missing.size(); ++i) {
            auto& content = (*contents)[i];
            if (!content) continue;
            (*found)[at[i]].of[static_cast<size_t>(missing[i].kind)] =
                std::make_shared<const Content>(std::move(*content));
          }
          return true;
        },
        [found, done = std::move(done)](Result<bool> ok) {
          if (!ok) return done(tl::unexpected<Error>(ok.error()));
          done(std::move(*found));
        });
  }
  void read_raw(std::function<void(Reader&)> job,
                std::function<void(const std::optional<Error>&)> done) override {
    reader_.read(std::move(job), std::move(done));
  }

  FlightRecorder* recorder() override { return recorder_.get(); }
  void set_on_broken_log(std::function<void(const std::string& why)> told) override {
    on_broken_log_ = std::move(told);
  }

  void packet_counts(std::function<void(const PacketCounts&)> done) override {
    if (!store_->capabilities().shared) {
      const auto& kept = cluster_.node().stats().packets_ended;
      EndedCounts own{};
      for (size_t i = 0; i < own.size(); ++i) {
        own[i] = static_cast<uint64_t>(std::max<int64_t>(0, kept[i]));
      }
      return done(with_live(own));
    }
    if (now().mono < counted_until_) return done(with_live(counted_));
    read<EndedCounts>(
        [](Reader& reader) { return reader.ended(); },
        [this, asked = now().mono, done = std::move(done)](Result<EndedCounts> ended) {
          // While the store does not answer, what it said last is better than nothing.
          if (ended) counted_ = *ended;
          // Counting many may keep the reader for no more than a part of its time.
          const Duration took = now().mono - asked;
          counted_until_ = now().mono + std::max(milliseconds(500), took * 20);
          done(with_live(counted_));
        });
  }

  const EventCursor& last_event() const override { return last_event_; }
  uint64_t subscribe(std::function<void()> listener) override {
    listeners_.emplace(++next_listener_, std::move(listener));
    return next_listener_;
  }
  void unsubscribe(uint64_t handle) override { listeners_.erase(handle); }

  std::string session_token(const std::string& session, uint64_t generation) const override {
    return make_session_token(options_.token_key, session, generation);
  }
  std::optional<std::pair<std::string, uint64_t>> parse_session_token(
      std::string_view token) const override {
    return read_session_token(options_.token_key, token);
  }
  const std::string& pool() const override { return options_.pool; }
  Digest challenge(std::string_view subject) const override {
    return make_challenge(options_.token_key, subject, now().wall + kChallengeMs);
  }
  bool is_challenge(std::string_view subject, const Digest& challenge) const override {
    return phoenix::is_challenge(options_.token_key, subject, challenge, now().wall);
  }
  // Within one millisecond the random part counts up, so that ids sort as they were given.
  std::string fresh_id(std::string_view prefix) override {
    const WallMs wall = now().wall;
    if (wall != last_id_at_) {
      while (::getrandom(last_id_.data(), last_id_.size(), 0) !=
             static_cast<ssize_t>(last_id_.size())) {
      }
      last_id_[0] &= 0x7f;  // far from the end
      last_id_at_ = wall;
    } else {
      for (size_t i = last_id_.size(); i > 0 && ++last_id_[i - 1] == 0; --i) {
      }
    }
    return std::string(prefix) + make_ulid(wall, last_id_);
  }
  const std::string& name() const override { return options_.name; }
  uint64_t run() const override { return run_; }
  WallMs started_at() const override { return started_at_; }
  EventLoop& loop() override { return loop_; }

  void set_outward(Outward* outward) override { outward_ = outward; }
  void give(const std::function<void(Cluster&, Now)>& input) override {
    input(cluster_, now());
    settle_soon();
  }

  void set_fact(std::string name, std::string value) override {
    writer_.set_fact(std::move(name), std::move(value));
  }
  ContentCache& cache() override { return cache_; }
  void begin_shutdown() override {
    cluster_.begin_shutdown(now());
    carry_out();
  }
  void end_calls() override {
    ended_ = true;
    reader_.end();
    if (recorder_) recorder_->end();
    streams_.clear();
    const auto waiting = std::exchange(waiting_, {});
    for (const auto& [id, done] : waiting) done({.id = id, .body = life_over()});
  }
  bool quiet() const override { return cluster_.node().writes_in_flight() == 0; }
  bool committing() const override { return writer_.committing(); }
  std::chrono::microseconds patience() override { return patience_.at(now().mono, committing()); }

 private:
  // After everything that has arrived in this turn of the loop: one batch for all of it.
  void settle_soon() {
    if (settling_) return;
    settling_ = true;
    loop_.post([this] {
      settling_ = false;
      carry_out();
    });
  }

  // That its key's entry stands there; should this be lost, the same is entered once more.
  void key_entered(const PutNote& note) {
    if (!options_.key || !enters_key_of(note, options_.key->name)) return;
    writer_.set_fact(kEnteredFact + options_.key->name, options_.key->pair.id());
  }

  // Whoever keeps the checkpoints of both hosts can prove it; what was signed stands in the store.
  void recorder_broke(const BrokenLog& broken) {
    if (broken.by) {
      writer_.set_fact("contradiction." + options_.key->name + "." + broken.by->host,
                       broken.by->envelope);
    }
    cluster_.note(now(), {.host = broken.by ? broken.by->host : options_.key->name,
                          .event = broken.by ? "equivocation" : "record-changed",
                          .reason = {},
                          .inputs = broken.by ? std::optional(lineage::sha256(broken.by->envelope))
                                              : std::nullopt});
    settle_soon();
    if (on_broken_log_) on_broken_log_(broken.why);
  }

  std::string checkpoint_fact() const { return kCheckpointFact + options_.key->name; }
  static std::string pruned_fact(uint32_t log) { return kPrunedFact + std::to_string(log); }

  void start_recorder() {
    if (!options_.key) return;
    recorder_ = std::make_unique<LogRecorder>(
        loop_, *store_,
        RecorderOptions{.pool = options_.pool,
                        .key = *options_.key,
                        .last = last_checkpoint_,
                        .last_apart = options_.last_checkpoint,
                        .root = options_.root,
                        .retain = options_.retain_record,
                        .host = options_.self.host,
                        .pruned = std::move(pruned_)},
        [this](std::string envelope) { writer_.set_fact(checkpoint_fact(), std::move(envelope)); },
        [this](const BrokenLog& broken) { recorder_broke(broken); },
        [this](const lineage::PrunedLog& left) {
          writer_.let_go(left.log, left.before + left.size(), pruned_fact(left.log),
                         lineage::encode_pruned(left));
        },
        options_.keep_checkpoint);
    recorder_->moved();
  }

  void committed(StoreWriter::Done done) {
    patience_.committed();
    for (size_t i = 0; i < done.written.size(); ++i) {
      if (done.result.outcomes[i] == Outcome::kCommitted) remember(done.written[i]);
    }
    cluster_.completed(now(), done.batch, done.groups, done.result);
    carry_out();
    const auto& logs = done.result.last_event.positions();
    if (!logs.empty()) own_log_ = logs.front().first;
    if (recorder_) recorder_->committed(own_rows(done.written, done.result));
    news(done.result.last_event);
  }

  // By the clock, and at once where another host says that it has written and somebody listens
  // here.
  void watch_others() {
    others_.call_after(kOthersEvery, [this] { look_at_others(); });
  }
  void others_wrote() {
    if (listeners_.empty()) return;
    if (looking_) {
      look_again_ = true;
    } else {
      look_at_others();
    }
  }
  void look_at_others() {
    if (std::exchange(looking_, true)) return;
    look_again_ = false;
    read<EventCursor>([](Reader& reader) { return reader.newest_event(); },
                      [this](Result<EventCursor> newest) {
                        looking_ = false;
                        if (newest) news(known_of(*newest));
                        if (look_again_ && newest) {
                          look_at_others();
                        } else {
                          watch_others();
                        }
                      });
  }

  // What this host itself has written is told once it has taken note of it: whoever hears of a
  // result must be able to fetch it. The store's readers see it a moment earlier.
  EventCursor known_of(const EventCursor& newest) const {
    if (quiet()) return newest;
    EventCursor others;
    if (!own_log_) return others;  // the first commit tells which of the logs it is
    for (const auto& [log, position] : newest.positions()) {
      if (log != own_log_) others.raise(log, position);
    }
    return others;
  }

  PacketCounts with_live(const EndedCounts& ended) const {
    PacketCounts all = cluster_.live_packets();
    for (size_t i = 0; i < all.size(); ++i) all[i] += ended[i];
    return all;
  }

  void news(const EventCursor& newest) {
    if (last_event_.covers(newest)) return;
    last_event_.raise(newest);
    if (recorder_) recorder_->moved();
    const auto listeners = listeners_;
    for (const auto& [handle, listener] : listeners) listener();
  }

  void remember(const Group& group) {
    for (const Op& op : group.ops) {
      if (const auto* note = std::get_if<PutNote>(&op)) key_entered(*note);
      const auto* put = std::get_if<PutPacket>(&op);
      if (put == nullptr) continue;
      if (is_terminal(put->head->status)) {
        cache_.drop(put->head->key);
        continue;
      }
      for (const ContentWrite& write : put->contents) {
        if (!write.content) continue;
        cache_.put(put->head->key, write.kind, put->head->revision, write.content);
      }
    }
  }

  void carry_out() {
    while (cluster_.has_output()) {
      ClusterOutput all = cluster_.take_output();
      Output& out = all.node;
      writer_.commit(std::move(out.groups));
      for (const uint64_t batch : out.resolves) writer_.resolve(batch);
      for (const PacketKey& key : out.loads) load(key);
      for (const PacketKey& key : out.wanted_payloads) read_payload(key);
      for (const uint64_t id : out.wanted_heads) read_heads(id);
      for (Reply& reply : out.replies) {
        const auto it = waiting_.find(reply.id);
        if (it == waiting_.end()) continue;
        const auto done = std::move(it->second);
        waiting_.erase(it);
        done(std::move(reply));
      }
      for (const StreamPortion& portion : out.portions) {
        const auto it = streams_.find(portion.stream);
        if (it == streams_.end()) continue;
        const auto deliver = it->second;
        if (portion.end) streams_.erase(it);
        deliver(portion);
      }
      if (outward_ != nullptr) reach_out(all);  // last, for somebody waits for each answer
    }
    check_soon();
    arm();
  }

  // What was sent on unchecked leaves first, and is checked while it is on its way.
  void check_soon() {
    if (checking_ || !cluster_.node().has_unchecked()) return;
    checking_ = true;
    loop_.post([this] {
      checking_ = false;
      cluster_.tick(now());
      carry_out();
    });
  }

  void reach_out(ClusterOutput& out) {
    patience_.sent(now().mono, out.messages);
    if (!out.messages.empty()) outward_->send(std::move(out.messages));
    if (!out.pool.empty()) outward_->ask(std::move(out.pool));
    if (out.fenced) outward_->fenced();
    if (out.others_wrote) others_wrote();
  }

  // A checkpoint is of all that is committed, and is signed anyhow.
  void read_heads(uint64_t id) {
    const auto tell = [this, id](const Result<LogHeads>& heads) {
      cluster_.heads(now(), id, heads);
      settle_soon();
    };
    if (!recorder_) return tell(fail(ErrorKind::kInternal, "there is no flight recorder"));
    recorder_->checkpoint([this, tell](Result<SignedCheckpoint> made) {
      if (!made) return tell(tl::unexpected<Error>(std::move(made.error())));
      LogHeads heads;
      heads.own = own_log_;
      for (const lineage::LogRoot& log : made->statement.logs) {
        heads.logs.push_back({log.log, log.size});
      }
      tell(heads);
    });
  }

  void load(const PacketKey& key) {
    read<PacketLookup>([key](Reader& reader) { return reader.get(key); },
                       [this, key](Result<PacketLookup> lookup) {
                         cluster_.loaded(now(), key, std::move(lookup));
                         carry_out();
                       });
  }

  void read_payload(const PacketKey& key) {
    read<std::optional<Content>>(
        [key](Reader& reader) { return reader.content(key, ContentKind::kPayload); },
        [this, key](Result<std::optional<Content>> found) {
          cluster_.payload(now(), key, std::move(found));
          carry_out();
        });
  }

  void arm() {
    const Duration left = cluster_.next_deadline() - Instant{clock_ns(CLOCK_BOOTTIME)};
    timer_.call_after(std::clamp(left, milliseconds(1), kTickAtMost), [this] {
      // Input that has arrived is taken before any timer: one more turn of the loop.
      loop_.post([this] {
        cluster_.tick(now());
        carry_out();
      });
    });
  }

  EventLoop& loop_;
  std::unique_ptr<Store> store_;
  HostOptions options_;
  uint64_t run_;
  WallMs started_at_;
  Cluster cluster_;
  ContentCache cache_;
  Outward* outward_ = nullptr;
  Timer timer_;
  Timer others_;
  Patience patience_;
  bool settling_ = false;
  bool checking_ = false;
  bool looking_ = false;     // at what others have written
  bool look_again_ = false;  // they have written since it began
  bool ended_ = false;       // answers nobody any more
  RequestId next_request_ = 0;
  WallMs last_id_at_ = 0;
  std::array<uint8_t, 10> last_id_{};
  std::unordered_map<RequestId, std::function<void(Reply)>> waiting_;
  std::unordered_map<RequestId, std::function<void(const StreamPortion&)>> streams_;
  EventCursor last_event_;
  std::optional<uint32_t> own_log_;
  EndedCounts counted_{};  // as the store last counted them
  Instant counted_until_;
  uint64_t next_listener_ = 0;
  std::map<uint64_t, std::function<void()>> listeners_;
  StoreReader reader_;
  StoreWriter writer_;           // its thread ends before all above
  std::string last_checkpoint_;  // of an earlier life
  std::vector<lineage::PrunedLog> pruned_;
  std::function<void(const std::string& why)> on_broken_log_;
  std::unique_ptr<LogRecorder> recorder_;
};

// Which life of the host it is, as members are told. Among several hosts no two may give the same
// number, so it is the life's own.
Result<uint64_t> next_run(Store& store, const HostOptions& options) {
  if (!options.self.empty()) return options.self.life & ((uint64_t{1} << 53) - 1);
  const auto last = store.fact("run");
  if (!last) return tl::unexpected<Error>(last.error());
  const uint64_t run = *last ? std::strtoull((*last)->c_str(), nullptr, 10) + 1 : 1;
  if (auto set = store.set_fact("run", std::to_string(run)); !set) {
    return tl::unexpected<Error>(set.error());
  }
  return run;
}

}  // namespace

Result<std::unique_ptr<RunningHost>> RunningHost::start(EventLoop& loop,
                                                        std::unique_ptr<Store> store,
                                                        const HostOptions& options) {
  NodeConfig config;
  config.host = options.name;
  config.ring_key = options.ring_key;
  config.max_live_packets = options.max_live_packets;
  config.self = options.self;
  config.pool = options.pool;
  config.require_keys = options.require_member_keys;
  config.signer = options.key;
  config.grant = options.grant;
  config.work_clock = [] { return read_clock().mono; };
  if (auto run = next_run(*store, options); run) {
    config.run = *run;
  } else {
    return tl::unexpected<Error>(run.error());
  }
  const auto entered_key = publish_keys(*store, key_facts(options));
  if (!entered_key) return tl::unexpected<Error>(entered_key.error());
  auto host = std::make_unique<HostRuntime>(loop, std::move(store), options, config);
  if (auto read_back = host->recover(); !read_back) {
    return tl::unexpected<Error>(read_back.error());
  }
  host->ready(*entered_key);
  return host;
}

}  // namespace phoenix
