# What `cmake --install` puts where, and the Debian packages that `cpack` makes of it:
#   totem-ctdb    the daemon in the place of the packaged one, which is diverted and comes back on removal
#   totem-tools   totemctl, totem-lock, totem-keygen, totem-bench
#   libtotem1     the ring for any program;  libtotem-dev  what is needed to build one
# What the packages carry besides programs lies in packaging/. scripts/package makes and checks them.
set(CMAKE_INSTALL_LIBDIR lib/${CMAKE_LIBRARY_ARCHITECTURE} CACHE PATH "where libraries go, below the prefix")
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS ctdbd_program DESTINATION ${CMAKE_INSTALL_SBINDIR} COMPONENT daemon)
install(FILES packaging/ctdb.service.d/10-totem.conf DESTINATION lib/systemd/system/ctdb.service.d COMPONENT daemon)
install(FILES packaging/totem.conf DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/totem-ctdb/examples COMPONENT daemon)

install(TARGETS totem-keygen_program totem-lock_program totemctl_program totem-bench
        DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
install(DIRECTORY packaging/completions/ DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT tools)

install(TARGETS capi EXPORT totem LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        COMPONENT library NAMELINK_COMPONENT development)
install(FILES capi/totem.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(EXPORT totem NAMESPACE totem:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/totem COMPONENT development)
configure_package_config_file(packaging/totem-config.cmake.in ${CMAKE_BINARY_DIR}/totem-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/totem)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/totem-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_BINARY_DIR}/totem-config.cmake ${CMAKE_BINARY_DIR}/totem-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/totem COMPONENT development)
file(RELATIVE_PATH PKGCONFIG_TO_PREFIX /usr/${CMAKE_INSTALL_LIBDIR}/pkgconfig /usr) # so that it may lie anywhere
configure_file(packaging/totem.pc.in ${CMAKE_BINARY_DIR}/totem.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/totem.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

# man_page(COMPONENT page...): docs/man/PAGE, compressed as Debian wants it.
function(man_page COMPONENT)
  foreach(PAGE ${ARGN})
    string(REGEX REPLACE ".*\\." "" SECTION ${PAGE})
    set(COMPRESSED ${CMAKE_BINARY_DIR}/man/${PAGE}.gz)
    add_custom_command(OUTPUT ${COMPRESSED} DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/${PAGE}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/man
      COMMAND gzip -9nc ${CMAKE_SOURCE_DIR}/docs/man/${PAGE} > ${COMPRESSED})
    set_property(GLOBAL APPEND PROPERTY MAN_PAGES ${COMPRESSED})
    install(FILES ${COMPRESSED} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${SECTION} COMPONENT ${COMPONENT})
  endforeach()
endfunction()
man_page(daemon totem-ctdbd.7 totem.conf.5)
man_page(tools totemctl.1 totem-lock.1 totem-keygen.1 totem-bench.1)
man_page(development libtotem.3)

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL daemon tools library development)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_CONTACT "totem-ctdb maintainers <maintainers@totem-ctdb.invalid>")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR}/lib)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# deb(COMPONENT package SECTION section SUMMARY line TEXT text... [DEPENDS ...] [SCRIPTS ...])
macro(deb COMPONENT PACKAGE)
  cmake_parse_arguments(DEB "" "SECTION;SUMMARY;TEXT;DEPENDS" "SCRIPTS" ${ARGN})
  string(TOUPPER ${COMPONENT} UPPER)
  set(CPACK_DEBIAN_${UPPER}_PACKAGE_NAME ${PACKAGE})
  set(CPACK_DEBIAN_${UPPER}_PACKAGE_SECTION ${DEB_SECTION})
  set(CPACK_COMPONENT_${UPPER}_DESCRIPTION "${DEB_SUMMARY}\n${DEB_TEXT}")
  set(CPACK_DEBIAN_${UPPER}_PACKAGE_DEPENDS "${DEB_DEPENDS}")
  set(CPACK_DEBIAN_${UPPER}_PACKAGE_CONTROL_EXTRA "${DEB_SCRIPTS}")
  set(DOCUMENTS ${CMAKE_INSTALL_DATADIR}/doc/${PACKAGE})
  install(FILES packaging/copyright DESTINATION ${DOCUMENTS} COMPONENT ${COMPONENT})
  set(CHANGES ${CMAKE_BINARY_DIR}/man/changelog.${PACKAGE}.gz)
  add_custom_command(OUTPUT ${CHANGES} DEPENDS ${CMAKE_SOURCE_DIR}/packaging/changelog
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/man
    COMMAND gzip -9nc ${CMAKE_SOURCE_DIR}/packaging/changelog > ${CHANGES})
  set_property(GLOBAL APPEND PROPERTY MAN_PAGES ${CHANGES})
  install(FILES ${CHANGES} DESTINATION ${DOCUMENTS} RENAME changelog.gz COMPONENT ${COMPONENT})
endmacro()

deb(daemon totem-ctdb SECTION net
  SUMMARY "cluster daemon for Samba on virtual synchrony, in the place of ctdbd"
  TEXT "A drop-in ctdbd: the unmodified ctdb tool, smbd, winbindd and event scripts\nare its clients. Locks and records are replicated over a Totem ring, so that\na dead node stops nobody else. The packaged ctdbd is diverted and comes back\non removal."
  DEPENDS "ctdb, totem-tools"
  SCRIPTS ${CMAKE_SOURCE_DIR}/packaging/preinst ${CMAKE_SOURCE_DIR}/packaging/postinst ${CMAKE_SOURCE_DIR}/packaging/prerm ${CMAKE_SOURCE_DIR}/packaging/postrm)
deb(tools totem-tools SECTION net
  SUMMARY "tools for a Totem ring: status, cluster-wide locks, keys, measuring"
  TEXT "totemctl shows the ring under ctdbd, totem-lock runs a command under a lock of\nthe whole cluster, totem-keygen makes the key that keeps strangers out,\ntotem-bench measures a network.")
deb(library libtotem1 SECTION libs
  SUMMARY "totally ordered multicast with extended virtual synchrony"
  TEXT "A member of a Totem single ring inside any program, in its own poll loop:\nagreed and safe delivery, membership, recovery."
  SCRIPTS ${CMAKE_SOURCE_DIR}/packaging/triggers)
deb(development libtotem-dev SECTION libdevel
  SUMMARY "totally ordered multicast with extended virtual synchrony: development"
  TEXT "Header, CMake and pkg-config files to build programs with libtotem."
  DEPENDS "libtotem1 (= ${PROJECT_VERSION})")

get_property(MAN_PAGES GLOBAL PROPERTY MAN_PAGES)
add_custom_target(package_documents ALL DEPENDS ${MAN_PAGES})
include(CPack)
