// Archives that want something else than to be unpacked. Each differs from a good one in one thing,
// is refused for that, and leaves nothing behind.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "manifest/bundle/bundle.h"
#include "manifest/bundle/test_archive.h"
#include "manifest/bundle/unpack.h"

namespace phoenix::manifest {
namespace {

using testing_archive::build;
using testing_archive::good_archive;
using testing_archive::hashes_of;
using testing_archive::RawArchive;
using testing_archive::RawFile;
namespace fs = std::filesystem;

struct Hostile {
  const char* name;
  const char* complaint;  // part of it
  std::function<void(RawArchive&)> change;
};

// Adds a file that hashes.json lists, so that nothing but the file itself is wrong.
std::function<void(RawArchive&)> with_file(RawFile file) {
  return [file](RawArchive& archive) {
    archive.files.pop_back();
    archive.files.push_back(file);
    archive.files.push_back(hashes_of(archive.files));
  };
}
RawFile plain_file(std::string path) {
  RawFile file;
  file.path = std::move(path);
  file.bytes = "x";
  return file;
}
std::function<void(RawArchive&)> with_name(std::string path) {
  return with_file(plain_file(std::move(path)));
}
std::function<void(RawArchive&)> changed(std::function<void(RawFile&)> change) {
  RawFile file;
  file.path = "agents/b.yaml";
  file.bytes = std::string(1'000, 'b');
  change(file);
  return with_file(file);
}
std::function<void(RawArchive&)> with_bytes(size_t index, std::string bytes) {
  return [index, bytes](RawArchive& archive) {
    archive.files.pop_back();
    archive.files[index].bytes = bytes;
    archive.files.push_back(hashes_of(archive.files));
  };
}

const std::vector<Hostile>& names() {
  static const std::vector<Hostile> cases = {
      {"parent", "has a segment \"..\"", with_name("../evil")},
      {"parent within", "has a segment \"..\"", with_name("agents/../../evil")},
      {"here", "has a segment \".\"", with_name("./evil")},
      {"absolute", "is absolute", with_name("/etc/evil")},
      {"drive", "has a colon", with_name("C:/evil")},
      {"stream", "has a colon", with_name("agents/a.yaml:evil")},
      {"backslash", "has a backslash", with_name("..\\evil")},
      {"empty name", "is empty", with_name("")},
      {"empty segment", "has an empty segment", with_name("agents//evil")},
      {"folder", "has an empty segment", with_name("evil/")},
      {"nul", "has a control character", with_name(std::string("evil\0.txt", 9))},
      {"escape", "has a control character", with_name("evil\x1b[31m")},
      {"no utf-8", "is not valid UTF-8", with_name("evil\xff")},
      {"overlong", "is not valid UTF-8", with_name("\xc0\xae\xc0\xae/evil")},
      {"right to left", "nobody sees", with_name("evil\u202etxt.exe")},
      {"isolate", "nobody sees", with_name("evil\u2066txt.exe\u2069")},
      {"byte order mark", "nobody sees", with_name("agents\ufeff/evil")},
      {"soft hyphen", "nobody sees", with_name("Phoenix\u00adFile")},
      {"combining mark", "combining mark", with_name("evil\u0301")},
      {"half mark", "combining mark", with_name("evil\ufe20")},
      {"device", "a device's name", with_name("agents/NUL.txt")},
      {"trailing dot", "ended by a dot or space", with_name("agents/a.yaml.")},
      {"too deep", "deep", with_name("a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/evil")},
      {"too long", "bytes", with_name(std::string(1'025, 'a'))},
      {"litter", "litter of an operating system", with_name("agents/.DS_Store")},
      {"litter folder", "litter of an operating system", with_name("__MACOSX/evil")},
      {"twice", "stands twice in the archive", with_name("PhoenixFile")},
      {"other case", "differ in case alone", with_name("phoenixfile")},
      {"other case beyond ASCII", "differ in case alone",
       [](RawArchive& archive) {
         with_name("agents/\u00c4")(archive);
         archive.files.at(4).flags = 1 << 11;
         with_name("agents/\u00e4")(archive);
         archive.files.at(5).flags = 1 << 11;
       }},
      {"file and folder", "is a file, and the folder of", with_name("PhoenixFile/evil")},
      {"unsaid utf-8", "not said to be UTF-8", with_name("agents/\u00e4")},
  };
  return cases;
}

const std::vector<Hostile>& kinds() {
  static const std::vector<Hostile> cases = {
      {"link", "no regular file", changed([](RawFile& f) { f.mode = 0120777; })},
      {"device", "no regular file", changed([](RawFile& f) { f.mode = 0020644; })},
      {"pipe", "no regular file", changed([](RawFile& f) { f.mode = 0010644; })},
      {"folder by mode", "no regular file", changed([](RawFile& f) { f.mode = 0040755; })},
      {"folder by attribute", "is a folder", changed([](RawFile& f) { f.dos_attributes = 0x10; })},
      {"setuid", "changes who runs it", changed([](RawFile& f) { f.mode = 0104755; })},
      {"unknown system", "system that is not known", changed([](RawFile& f) { f.host = 19; })},
      {"encrypted", "is encrypted", changed([](RawFile& f) { f.flags = 1; })},
      {"masked", "flags that are not known", changed([](RawFile& f) { f.flags = 1 << 13; })},
      {"other method", "another method", changed([](RawFile& f) { f.method = 12; })},
      {"later version", "later version", changed([](RawFile& f) { f.version = 45; })},
      {"other part", "another part", changed([](RawFile& f) { f.part = 1; })},
      {"extra field", "extra fields",
       changed([](RawFile& f) { f.extra = std::string("\x75\x70\x00\x00", 4); })},
      {"local extra field", "described otherwise",
       changed([](RawFile& f) { f.local_extra = std::string("\x75\x70\x00\x00", 4); })},
      {"comment", "or a comment", changed([](RawFile& f) { f.comment = "hi"; })},
      {"two names", "described otherwise",
       changed([](RawFile& f) { f.local_path = "agents/c.yaml"; })},
      {"two methods", "described otherwise", changed([](RawFile& f) { f.local_method = 8; })},
      {"two flags", "described otherwise", changed([](RawFile& f) { f.local_flags = 2; })},
      {"two crcs", "described otherwise", changed([](RawFile& f) { f.local_crc = 7; })},
      {"two sizes", "described otherwise", changed([](RawFile& f) { f.local_size = 7; })},
      {"stored with two sizes", "is stored, with two sizes",
       changed([](RawFile& f) { f.size = 10; })},
      {"wrong crc", "its content is damaged", changed([](RawFile& f) { f.crc = 7; })},
      {"larger than said", "cannot be unpacked",
       changed([](RawFile& f) { f.deflated = true, f.size = 999; })},
      {"smaller than said", "cannot be unpacked",
       changed([](RawFile& f) { f.deflated = true, f.size = 1'001; })},
      {"not deflated", "cannot be unpacked", changed([](RawFile& f) { f.method = 8; })},
      {"wrong descriptor", "no right description",
       changed([](RawFile& f) { f.descriptor = true, f.descriptor_size = 7; })},
      {"zip64", "is ZIP64", changed([](RawFile& f) { f.offset = UINT32_MAX; })},
      {"bomb", "times its size",
       changed([](RawFile& f) { f.deflated = true, f.bytes = std::string(4 << 20, '\0'); })},
      {"large", "at most", changed([](RawFile& f) { f.deflated = true, f.size = 70 << 20; })},
      {"overlap", "does not begin where", changed([](RawFile& f) { f.offset = 0; })},
  };
  return cases;
}

const std::vector<Hostile>& wholes() {
  static const std::vector<Hostile> cases = {
      {"many files", "at most 4096",
       [](RawArchive& archive) {
         for (int count = 0; count < 4'100; ++count) {
           archive.files.push_back(plain_file("f" + std::to_string(count)));
         }
       }},
      {"prefix", "does not begin where", [](RawArchive& a) { a.before = "#!/bin/sh\n"; }},
      {"gap", "belong to no file", [](RawArchive& a) { a.gap = "hidden"; }},
      {"trailing bytes", "something follows its end", [](RawArchive& a) { a.after = "hidden"; }},
      {"archive comment", "something follows its end", [](RawArchive& a) { a.comment = "hidden"; }},
      {"second archive", "does not end where",
       [](RawArchive& a) { a.after = build(good_archive()); }},
      {"count too high", "fewer files", [](RawArchive& a) { a.more_files = 1; }},
      {"count too low", "longer than its files", [](RawArchive& a) { a.more_files = -1; }},
      {"several parts", "one of several parts", [](RawArchive& a) { a.part = 1; }},
      {"directory elsewhere", "does not end where", [](RawArchive& a) { a.directory_shift = -4; }},
      {"unlisted", "hashes.json does not list it",
       [](RawArchive& a) { a.files.push_back(plain_file("evil")); }},
      {"missing", "it is not there", [](RawArchive& a) { a.files.erase(a.files.begin() + 3); }},
      {"changed", "its hash is not the one", [](RawArchive& a) { a.files[3].bytes[0] = 'b'; }},
      {"no hashes", "hashes.json is missing", [](RawArchive& a) { a.files.pop_back(); }},
      {"no PhoenixFile", "PhoenixFile is missing",
       [](RawArchive& a) {
         a.files.erase(a.files.begin());
         a.files.pop_back();
         a.files.push_back(hashes_of(a.files));
       }},
      {"hash twice", "hashes.json is no JSON object",
       [](RawArchive& a) {
         std::string& text = a.files.back().bytes;
         text.insert(text.size() - 2, R"(,"PhoenixFile":"sha256:00")");
       }},
      {"other algorithm", "the algorithm is not SHA-256",
       [](RawArchive& a) { a.files.back().bytes.replace(14, 7, "MD5"); }},
      {"manifest of another kind", "not of kind PhoenixBundle", with_bytes(1, R"({"kind":"App"})")},
      {"manifest broken", "manifest.json is no JSON object", with_bytes(1, R"({"kind":)")},
      {"id that is a path", "metadata.bundleId is no word",
       with_bytes(1, R"({"kind":"PhoenixBundle","metadata":{"name":"a","namespace":"a",)"
                     R"("version":"1","bundleId":"../../evil"}})")},
      {"manifest lists what is not there", "manifest.json lists it",
       with_bytes(1, R"({"kind":"PhoenixBundle","metadata":{"name":"a","namespace":"a",)"
                     R"("version":"1","bundleId":"b"},"contents":{"agents":["agents/z.yaml"]}})")},
  };
  return cases;
}

class Hostiles : public testing::Test {
 protected:
  Hostiles() {
    std::string pattern = fs::temp_directory_path() / "phoenix-bundle-XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~Hostiles() override { fs::remove_all(root_); }

  void all_refused(const std::vector<Hostile>& cases) {
    for (const Hostile& one : cases) {
      SCOPED_TRACE(one.name);
      RawArchive archive = good_archive();
      one.change(archive);
      const auto bundle = open_bundle(build(archive));
      ASSERT_FALSE(bundle) << "it was taken";
      EXPECT_NE(bundle.error().detail.find(one.complaint), std::string::npos)
          << bundle.error().detail;
      EXPECT_NE(bundle.error().reason_code, "");
    }
  }

  fs::path root_;
};

TEST_F(Hostiles, names_are_refused) { all_refused(names()); }
TEST_F(Hostiles, kinds_of_files_are_refused) { all_refused(kinds()); }
TEST_F(Hostiles, whole_archives_are_refused) { all_refused(wholes()); }

TEST_F(Hostiles, there_are_more_than_forty) {
  EXPECT_GE(names().size() + kinds().size() + wholes().size(), 40U);
}

TEST_F(Hostiles, the_good_one_is_taken_as_are_descriptors_and_names_beyond_ASCII) {
  RawArchive archive = good_archive();
  EXPECT_TRUE(open_bundle(build(archive)));
  RawFile file;
  file.path = "agents/\u00e4.yaml";
  file.flags = 1 << 11;
  file.descriptor = true;
  file.deflated = true;
  with_file(file)(archive);
  const auto bundle = open_bundle(build(archive));
  ASSERT_TRUE(bundle) << bundle.error().detail;
  EXPECT_EQ(bundle->info.name, "shop");
  EXPECT_TRUE(bundle->valid);
}

// Any one bit of a bundle: it is refused, or it says the same. What may change are times.
TEST_F(Hostiles, a_flipped_bit_is_seen) {
  const std::string good = build(good_archive());
  const auto files = open_bundle(good)->files;
  size_t refused = 0;
  for (size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      const auto bundle = open_bundle(bad);
      if (bundle) {
        EXPECT_EQ(bundle->files, files) << at;
      } else {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, good.size() * 6);
}

TEST_F(Hostiles, cut_off_anywhere_it_is_refused) {
  const std::string good = build(good_archive());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(open_bundle(std::string_view(good).substr(0, size))) << size;
  }
}

TEST_F(Hostiles, what_cannot_be_unpacked_whole_leaves_nothing) {
  const auto bundle = open_bundle(build(good_archive()));
  ASSERT_TRUE(bundle);
  // A folder that is not empty is left as it is.
  fs::create_directory(root_ / "full");
  fs::create_directory(root_ / "full" / "mine");
  EXPECT_FALSE(unpack_bundle(*bundle, root_ / "full"));
  EXPECT_TRUE(fs::exists(root_ / "full" / "mine"));
  // So is a link, wherever it leads.
  fs::create_directory(root_ / "elsewhere");
  fs::create_symlink(root_ / "elsewhere", root_ / "link");
  EXPECT_FALSE(unpack_bundle(*bundle, root_ / "link"));
  EXPECT_TRUE(fs::is_empty(root_ / "elsewhere"));
  // A file that cannot be written takes those before it away again: this name is too long on disk.
  Bundle broken = *bundle;
  broken.files.push_back({std::string(300, 'x'), "x"});
  EXPECT_FALSE(unpack_bundle(broken, root_ / "new"));
  EXPECT_FALSE(fs::exists(root_ / "new"));
  EXPECT_EQ(std::distance(fs::directory_iterator(root_), fs::directory_iterator()), 3);
}

}  // namespace
}  // namespace phoenix::manifest
